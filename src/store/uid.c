/* Names that are no unique-ids are mapped to a hash of the whole name, never cut: two long
 * names may differ in their last octet only. */
#include "store/uid.h"

#include <openssl/evp.h>

bool
uid_fits(struct pop_view name)
{
    if (name.len < 1 || name.len > POP_UID_MAX)
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < 0x21 || name.data[i] > 0x7e)
            return false;
    return true;
}

bool
uid_hash(struct pop_view name, char ret_uid[UID_HASH_LEN])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];
    if (EVP_Digest(name.data, name.len, digest, NULL, EVP_sha256(), NULL) != 1)
        return false;
    ret_uid[0] = 'h';
    for (size_t i = 1; i < UID_HASH_LEN; i++) {
        unsigned char octet = digest[(i - 1) / 2];
        ret_uid[i] = hex[i % 2 == 1 ? octet >> 4 : octet & 15];
    }
    return true;
}
