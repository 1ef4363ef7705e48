/* The name of a fetched message's file. */
#include "fetch/mail_name.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

/* A Maildir name holds no '/' and no ':' before its flags; a long host name would push the
 * name over the limit. */
#define HOST_SHOWN_MAX 64

/* Fields go in with their length, so that no two triples give the same octets. */
static bool
add_field(EVP_MD_CTX *context, struct pop_view field)
{
    uint64_t len = field.len;
    return EVP_DigestUpdate(context, &len, sizeof len) == 1 &&
           EVP_DigestUpdate(context, field.data, field.len) == 1;
}

enum err_code
mail_key_make(
    struct mail_key *ret_key, struct pop_view identity, struct pop_view uid,
    uint32_t occurrence, struct err *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    struct pop_view number = {(const char *)&occurrence, sizeof occurrence};
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
              add_field(context, identity) && add_field(context, uid) &&
              add_field(context, number) && EVP_DigestFinal_ex(context, digest, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (!ok)
        return err_set(err, ERR_NOMEM, "cannot compute a file name");
    memcpy(ret_key->octets, digest, MAIL_KEY_SIZE);
    return ERR_OK;
}

static void
host_name(char ret_host[HOST_SHOWN_MAX + 1])
{
    if (gethostname(ret_host, HOST_SHOWN_MAX + 1) != 0)
        ret_host[0] = '\0';
    ret_host[HOST_SHOWN_MAX] = '\0';
    for (char *c = ret_host; *c != '\0'; c++)
        if (!isalnum((unsigned char)*c) && *c != '.' && *c != '-')
            *c = '_';
    if (ret_host[0] == '\0')
        (void)snprintf(ret_host, HOST_SHOWN_MAX + 1, "localhost");
}

void
mail_name_make(
    char ret_name[FILE_NAME_MAX_LEN + 1], const struct mail_key *key, int64_t first_seen,
    uint32_t order)
{
    char host[HOST_SHOWN_MAX + 1];
    char hex[2 * MAIL_KEY_SIZE + 1];
    host_name(host);
    for (size_t i = 0; i < MAIL_KEY_SIZE; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", key->octets[i]);
    (void)snprintf(
        ret_name, FILE_NAME_MAX_LEN + 1, "%lld.M%06uR%s.%s", (long long)first_seen,
        order % 1000000, hex, host);
}

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool
mail_name_key(const char *name, struct mail_key *ret_key)
{
    size_t digits = strspn(name, "0123456789");
    if (digits == 0 || strncmp(name + digits, ".M", 2) != 0)
        return false;
    name += digits + 2;
    digits = strspn(name, "0123456789");
    if (digits == 0 || name[digits] != 'R')
        return false;
    name += digits + 1;

    struct mail_key key;
    for (size_t i = 0; i < MAIL_KEY_SIZE; i++) {
        int high = hex_value(name[2 * i]);
        int low = high < 0 ? -1 : hex_value(name[2 * i + 1]);
        if (low < 0)
            return false;
        key.octets[i] = (unsigned char)(high * 16 + low);
    }
    if (name[2 * MAIL_KEY_SIZE] != '.')
        return false;
    *ret_key = key;
    return true;
}

int
mail_key_compare(const struct mail_key *a, const struct mail_key *b)
{
    return memcmp(a->octets, b->octets, MAIL_KEY_SIZE);
}
