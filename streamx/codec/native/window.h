/* window.h: the whole records that are converted next, and where the output of a record may go.
 *
 * The vector code reads up to PADDING_BYTES behind a record. So the window is the data itself only as
 * far as so much follows; the last records are copied to a buffer that has room behind them.
 */

static sx_status odd(sx_state *state, size_t start, size_t end) {
    state->odd_start = state->window_position + start;
    state->odd_end = smaller(state->window_position + end, state->length);
    return SX_ODD;
}

static size_t position_of_window_end(const sx_state *state) {
    return state->window_position + state->window_bytes;
}

/* Set the window to the data from a position on; `bytes` of it are whole records. */
static void set_window(
    sx_state *state, const uint8_t *window, size_t position, size_t bytes, size_t readable_bytes) {
    state->window = window;
    state->window_position = position;
    state->window_bytes = bytes;
    state->readable_bytes = readable_bytes;
    state->cursor = 0;
}

/* How far the window is UTF-8, since what follows is odd. */
static void validate_window(sx_state *state) {
    state->valid_bytes = utf8_length(state->window, state->window_bytes);
}

/* Copy the rest of the data where there is room behind it, with a line feed at its end. */
static bool use_tail(sx_state *state, size_t position) {
    size_t bytes = state->length - position;
    if (bytes > SIZE_MAX / 4 || !reserve(&state->tail, bytes + 1 + PADDING_BYTES)) return false;
    memcpy(state->tail.bytes, state->data + position, bytes);
    if (state->tail.bytes[bytes - 1] != '\n') state->tail.bytes[bytes++] = '\n';
    memset(state->tail.bytes + bytes, 0, PADDING_BYTES);
    set_window(state, state->tail.bytes, position, bytes, bytes + PADDING_BYTES);
    return true;
}

/* How much of the data from a position on can be a window in its place. */
static size_t bytes_in_place(const sx_state *state, size_t position) {
    size_t rest = state->length - position;
    return rest > PADDING_BYTES ? rest - PADDING_BYTES : 0;
}

/* Make sure that a record of so many bytes of output fits; SX_END if it does. */
static inline sx_status has_room(sx_state *state, size_t used, size_t capacity, size_t bytes) {
    if (bytes <= capacity - used && capacity - used - bytes >= PADDING_BYTES) return SX_END;
    state->needed = bytes + PADDING_BYTES;
    return SX_FULL;
}
