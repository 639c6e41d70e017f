/* json_keys.h: knows the keys of JSON objects by number, and guesses which one comes next.
 *
 * Objects of one file mostly have the same keys in the same order, so the key that followed the last
 * one before is tried first: one comparison instead of a search. Keys beyond the layout's columns are
 * remembered too, up to a limit, which lets every key of a record be met twice without a search.
 */

static inline uint64_t hash_of(const uint8_t *text, size_t length) {
    uint64_t hash = length * 0x9e3779b97f4a7c15u;
    for (; length >= 8; text += 8, length -= 8) {
        uint64_t word;
        memcpy(&word, text, 8);
        hash = (hash ^ word) * 0xff51afd7ed558ccdu;
        hash ^= hash >> 32;
    }
    uint64_t word = 0;
    memcpy(&word, text, length);
    hash = (hash ^ word) * 0xc4ceb9fe1a85ec53u;
    return hash ^ hash >> 29;
}

/* Put a key into the hash table, which has an empty slot; false if too many collide. */
static bool place_key(sx_dictionary *keys, uint32_t index) {
    const sx_key *key = &keys->keys[index];
    size_t slot = hash_of(keys->text.bytes + key->text, key->length);
    for (int probes = 0; probes < MOST_PROBES; probes++, slot++) {
        uint32_t *at = &keys->slots[slot & (keys->slot_count - 1)];
        if (*at != 0) continue;
        *at = index + 1;
        return true;
    }
    return false;
}

static bool place_keys(sx_dictionary *keys) {
    memset(keys->slots, 0, keys->slot_count * sizeof *keys->slots);
    for (size_t i = 0; i < keys->count; i++)
        if (!place_key(keys, (uint32_t)i)) return false;
    return true;
}

static bool make_slots(sx_dictionary *keys, size_t slot_count) {
    uint32_t *slots = realloc(keys->slots, slot_count * sizeof *slots);
    if (slots == NULL) return false;
    keys->slots = slots;
    keys->slot_count = slot_count;
    return place_keys(keys);
}

/* The number of a key, or -1. */
static int64_t find_key(const sx_dictionary *keys, const uint8_t *text, size_t length) {
    size_t slot = hash_of(text, length);
    for (int probes = 0; probes < MOST_PROBES; probes++, slot++) {
        uint32_t index = keys->slots[slot & (keys->slot_count - 1)];
        if (index == 0) return -1;
        const sx_key *key = &keys->keys[index - 1];
        if (key->length == length && memcmp(keys->text.bytes + key->text, text, length) == 0)
            return index - 1;
    }
    return -1;
}

static bool make_room_for_key(sx_dictionary *keys, size_t length) {
    if (keys->count == keys->capacity) {
        size_t capacity = keys->capacity * 2 + 64;
        sx_key *larger = realloc(keys->keys, capacity * sizeof *larger);
        if (larger == NULL) return false;
        keys->keys = larger;
        keys->capacity = capacity;
    }
    size_t bytes = length * (1 + LONGEST_ESCAPE_BYTES) + 3 * PADDING_BYTES;
    if (!reserve(&keys->text, keys->text_bytes + bytes)) return false;
    return keys->count * 2 < keys->slot_count || make_slots(keys, keys->slot_count * 2);
}

/* Remember a key; return its number, or -1 if that cannot be. */
static int64_t add_key(sx_dictionary *keys, const uint8_t *text, size_t length, int32_t column) {
    if (length > LONGEST_RECORD_BYTES / 8 || !make_room_for_key(keys, length)) return -1;
    sx_key *key = &keys->keys[keys->count];
    uint8_t *own = keys->text.bytes + keys->text_bytes;
    memcpy(own, text, length);
    memset(own + length, 0, PADDING_BYTES);
    own[length] = '"';
    own[length + 1] = ':';
    uint8_t *label = own + length + PADDING_BYTES;
    uint8_t *label_end = emit_json_string(label, own, length, 0);
    *label_end++ = ':';
    *key = (sx_key){
        .text = (size_t)(own - keys->text.bytes),
        .length = (uint32_t)length,
        .column = column,
        .pick = -1,
        .label = (size_t)(label - keys->text.bytes),
        .label_length = (size_t)(label_end - label),
        .is_plain = (size_t)(label_end - label) == length + 3,
    };
    keys->text_bytes = (size_t)(label_end - keys->text.bytes) + PADDING_BYTES;
    if (!place_key(keys, (uint32_t)keys->count)) return -1;
    return (int64_t)keys->count++;
}

/* Know the layout's columns, by their index, and the names of the output's; false without memory,
 * or if two columns have one name. */
static bool learn_columns(sx_state *state) {
    const sx_layout *layout = state->layout;
    sx_dictionary *keys = &state->dictionary;
    if (!make_slots(keys, 256)) return false;
    for (size_t i = 0; i < layout->column_count; i++) {
        sx_text name = layout->columns[i].name;
        if (find_key(keys, name.bytes, name.length) >= 0) return false;
        if (add_key(keys, name.bytes, name.length, (int32_t)i) < 0) return false;
    }
    for (size_t i = 0; i < layout->pick_count; i++)
        if (layout->picks[i].presence == WITH_KEY) keys->keys[layout->picks[i].key].pick = (int32_t)i;
    keys->column_count = keys->count;
    keys->column_bytes = keys->text_bytes;
    return true;
}

/* Forget the keys that are not columns when there are too many. */
static bool forget_keys(sx_dictionary *keys) {
    if (keys->count - keys->column_count < MOST_NEW_KEYS &&
        keys->text_bytes - keys->column_bytes < MOST_NEW_KEY_BYTES)
        return true;
    keys->count = keys->column_count;
    keys->text_bytes = keys->column_bytes;
    keys->first = 0;
    keys->has_forgotten = true;
    keys->last_count = SIZE_MAX;
    for (size_t i = 0; i < keys->count; i++) keys->keys[i].after = 0;
    return place_keys(keys);
}

/* Tell whether `"key":` stands at `at`, as plain as that. */
static inline bool is_key_at(const sx_state *state, const sx_key *key, const uint8_t *at) {
    size_t readable = state->readable_bytes - (size_t)(at - state->window);
    if (*at != '"' || !key->is_plain || key->length + 2 * VECTOR_BYTES > readable) return false;
    return is_same(at + 1, state->dictionary.text.bytes + key->text, key->length + 2);
}

/* The number of the key that is a text, which is remembered from now on; -1 if that cannot be. */
static int64_t number_of_key(sx_state *state, const uint8_t *text, size_t length) {
    sx_dictionary *keys = &state->dictionary;
    int64_t index = find_key(keys, text, length);
    if (index >= 0) return index;
    if (keys->count - keys->column_count >= 2 * MOST_NEW_KEYS) return -1;
    index = add_key(keys, text, length, -1);
    if (index < 0) return -1;
    const sx_layout *layout = state->layout;
    for (size_t i = 0; i < layout->pick_count && layout->passes_unknown_keys; i++) {
        sx_text name = layout->picks[i].name;
        if (name.length == length && memcmp(name.bytes, text, length) == 0)
            keys->keys[index].is_name_of_pick = true;
    }
    return index;
}

/* Read the key at `at` and its colon; NULL if they are not there, or the key cannot be known. `guess`
 * is the number that is tried first, and becomes the one found. */
static inline const uint8_t *read_key(sx_state *state, const uint8_t *at, uint32_t *guess) {
    const sx_dictionary *keys = &state->dictionary;
    if (*guess < keys->count && is_key_at(state, &keys->keys[*guess], at))
        return at + keys->keys[*guess].length + 3;
    bool has_escapes = false;
    const uint8_t *text = at + 1;
    const uint8_t *end = *at == '"' ? skip_string(text, &has_escapes) : NULL;
    if (end == NULL) return NULL;
    size_t length = (size_t)(end - 1 - text);
    state->dictionary.has_escapes |= has_escapes;
    if (has_escapes) {
        if (!reserve(&state->scratch, length + PADDING_BYTES)) return NULL;
        length = unescape(state->scratch.bytes, text, end - 1);
        text = state->scratch.bytes;
    }
    int64_t number = number_of_key(state, text, length);
    if (number < 0) return NULL;
    *guess = (uint32_t)number;
    end = skip_space(end);
    return *end == ':' ? end + 1 : NULL;
}
