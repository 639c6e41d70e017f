/* program.c: makes a program of an input's bytes: any instructions, as long as they go forward and read no
 * register that was not written for the same record. */

#include <string.h>

#include "target.h"

enum { MOST_DERIVED = 3, REGISTERS = 16, MOST_INSTRUCTIONS = 40 };

static const char *const TEXTS[] = {
    "", "a", "NA", " \xc3\xa9\n",
    "a text, \"longer\" than any vector holds: 64 bytes and a few more of it",
};
static const int64_t INTEGERS[] = {0, 1, -1, 7, 60, INT64_MAX, INT64_MIN, (int64_t)1 << 53};
static const double NUMBERS[] = {
    0.0, -0.0, 0.5, 0.1, 3.0, 1e300, 1e-5, 123456.789, 9007199254740994.0,
};

enum {
    TEXT_COUNT = sizeof TEXTS / sizeof *TEXTS,
    INTEGER_COUNT = sizeof INTEGERS / sizeof *INTEGERS,
    NUMBER_COUNT = sizeof NUMBERS / sizeof *NUMBERS,
    CONSTANTS = 7,
};

/* What follows from the bytes that choose types and nulls. */
static uint64_t next(uint64_t *chance, uint64_t bound) {
    *chance = *chance * 6364136223846793005u + 1442695040888963407u;
    return (*chance >> 33) % bound;
}

static sx_value constant_of(fuzz_case *given, uint64_t *chance, size_t index) {
    sx_value value = {.kind = (sx_kind)(index < 5 ? index : 2 + next(chance, 3))};
    const char *text = TEXTS[next(chance, TEXT_COUNT)];
    if (value.kind == KIND_TRUTH) value.truth = next(chance, 2);
    if (value.kind == KIND_INTEGER) value.integer = INTEGERS[next(chance, INTEGER_COUNT)];
    if (value.kind == KIND_NUMBER) value.number = NUMBERS[next(chance, NUMBER_COUNT)];
    if (value.kind == KIND_TEXT)
        value.text = keep_text(given, (const uint8_t *)text, strlen(text));
    return value;
}

/* Any register but those of constants. */
static uint16_t target_of(uint64_t *chance, size_t derived) {
    uint16_t to = (uint16_t)next(chance, REGISTERS - CONSTANTS);
    return to < derived ? to : (uint16_t)(to + CONSTANTS);
}

static sx_instruction instruction_of(
    const fuzz_case *given, uint64_t *chance, size_t index, size_t count) {
    size_t derived = given->layout.program.derived_count;
    sx_instruction made = {
        .operation = (uint16_t)next(chance, OPERATION_COUNT),
        .to = target_of(chance, derived),
        .a = (uint16_t)next(chance, REGISTERS),
        .b = (uint16_t)next(chance, REGISTERS),
        .c = (uint16_t)next(chance, REGISTERS),
    };
    bool is_rare = made.operation == OP_ODD || made.operation == OP_KEEP;
    if (made.operation == OP_END || (is_rare && next(chance, 4) > 0)) made.operation = OP_LOAD;
    if (made.operation == OP_LOAD) made.a = (uint16_t)next(chance, given->layout.column_count);
    if (made.operation >= OP_JUMP && made.operation <= OP_JUMP_UNLESS_NULL)
        made.b = (uint16_t)(index + 1 + next(chance, count - index - 1));
    if (made.operation == OP_AMONG) {
        made.c = (uint16_t)next(chance, CONSTANTS + 1);
        made.b = (uint16_t)(derived + next(chance, CONSTANTS - made.c + 1u));
    }
    return made;
}

void add_program(fuzz_case *given, const uint8_t *input) {
    sx_program *program = &given->layout.program;
    uint64_t chance = 0;
    for (size_t i = TYPES; i <= NULLS; i++) chance = chance * 257 + input[i];
    program->derived_count = 1 + next(&chance, MOST_DERIVED);
    program->register_count = REGISTERS;
    program->constant_count = CONSTANTS;
    program->instruction_count = REGISTERS - CONSTANTS + 1 + next(&chance, MOST_INSTRUCTIONS);
    sx_constant *constants = keep(given, allocate(CONSTANTS * sizeof *constants));
    for (size_t i = 0; i < CONSTANTS; i++)
        constants[i] = (sx_constant){
            (uint16_t)(program->derived_count + i), constant_of(given, &chance, i)};
    size_t count = program->instruction_count;
    sx_instruction *instructions = keep(given, allocate(count * sizeof *instructions));
    for (size_t i = 0; i + 1 < count; i++)
        instructions[i] = instruction_of(given, &chance, i, count);
    for (size_t i = 0; i < REGISTERS - CONSTANTS; i++) {
        uint16_t column = (uint16_t)next(&chance, given->layout.column_count);
        uint16_t to = (uint16_t)(i < program->derived_count ? i : i + CONSTANTS);
        instructions[i] = (sx_instruction){.operation = OP_LOAD, .to = to, .a = column};
    }
    instructions[count - 1] = (sx_instruction){.operation = OP_END};
    program->constants = constants;
    program->instructions = instructions;
}
