/* All short texts over a few octets, one after the other, and pseudo-random numbers from a
 * fixed seed: what property loops run over. */
#ifndef UNIT_WORDS_H
#define UNIT_WORDS_H

#include <pop/view.h>
#include <stdint.h>

#define WORD_MAX 12

/* Zeroed = before the first word, which is the empty one. */
struct word {
    char data[WORD_MAX];
    size_t len;
    uint64_t number; /* of the word among those of its length */
    bool begun;
};

/* Makes the next word over the octets of `alphabet`; false: all of `len_max` have been. */
static inline bool
word_next(struct word *word, struct pop_view alphabet, size_t len_max)
{
    uint64_t count = 1;
    for (size_t i = 0; i < word->len; i++)
        count *= alphabet.len;
    if (word->begun && ++word->number == count) {
        word->number = 0;
        word->len++;
    }
    word->begun = true;
    uint64_t rest = word->number;
    for (size_t i = 0; i < word->len; i++, rest /= alphabet.len)
        word->data[i] = alphabet.data[rest % alphabet.len];
    return word->len <= len_max;
}

/* xorshift64; *state must not be 0. A number below `bound`. */
static inline uint32_t
random_below(uint64_t *state, uint32_t bound)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)((*state >> 32) % bound);
}

#endif
