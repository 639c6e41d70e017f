/* corpus.c: keeps inputs in memory and in files. */

#define _POSIX_C_SOURCE 200809L /* scandir */

#include "corpus.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "target.h"

void corpus_add(fuzz_corpus *corpus, const fuzz_input *input, double seconds) {
    if (corpus->count == corpus->capacity) {
        corpus->capacity = 2 * corpus->capacity + 64;
        corpus->entries = realloc(corpus->entries, corpus->capacity * sizeof *corpus->entries);
        REQUIRE(corpus->entries != NULL);
    }
    corpus->entries[corpus->count++] =
        (fuzz_entry){copy_of(input->bytes, input->length), input->length, seconds};
}

void corpus_free(fuzz_corpus *corpus) {
    for (size_t i = 0; i < corpus->count; i++) free(corpus->entries[i].bytes);
    free(corpus->entries);
}

bool read_input(const char *path, fuzz_input *input) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) return false;
    input->length = fread(input->bytes, 1, sizeof input->bytes, file);
    return fclose(file) == 0;
}

static unsigned long long hash_of_input(const uint8_t *bytes, size_t length) {
    unsigned long long hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < length; i++) hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

bool write_input(const char *directory, const char *prefix, const uint8_t *bytes, size_t length,
                 char path[4096]) {
    snprintf(path, 4096, "%s/%s%016llx", directory, prefix, hash_of_input(bytes, length));
    FILE *file = fopen(path, "wb");
    if (file == NULL) return false;
    bool is_written = fwrite(bytes, 1, length, file) == length;
    return fclose(file) == 0 && is_written;
}

void for_each_file(const char *directory, void (*function)(const char *path, void *context),
                   void *context) {
    struct dirent **names;
    int count = scandir(directory, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", directory, names[i]->d_name);
        if (names[i]->d_name[0] != '.') function(path, context);
        free(names[i]);
    }
    if (count >= 0) free(names);
}
