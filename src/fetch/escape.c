/* Octets from the server made fit for a terminal. */
#include "fetch/escape.h"

struct shown
escape_text(struct pop_view text)
{
    static const char hex[] = "0123456789abcdef";
    struct shown shown;
    struct pop_buffer out = {shown.text, 0, sizeof shown.text - 1};
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (pop_buffer_room(&out) < 8) {
            pop_buffer_put(&out, POP_VIEW("..."));
            break;
        }
        if (c >= 0x20 && c < 0x7F) {
            pop_buffer_put(&out, (struct pop_view){text.data + i, 1});
        } else {
            char escaped[] = {'\\', 'x', hex[c >> 4], hex[c & 15]};
            pop_buffer_put(&out, (struct pop_view){escaped, sizeof escaped});
        }
    }
    shown.text[out.len] = '\0';
    return shown;
}
