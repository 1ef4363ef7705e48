/* Whom a client's certificate names. */
#include "net/tls_stream.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* A name as somebody may log in with it. An octet of zero inside would end it early. */
static bool
take_name(const unsigned char *data, int len, char ret_name[TLS_CLIENT_MAX])
{
    if (data == NULL || len <= 0 || len >= TLS_CLIENT_MAX)
        return false;
    for (int i = 0; i < len; i++)
        if (data[i] < 0x20 || data[i] == 0x7F)
            return false;
    memcpy(ret_name, data, (size_t)len);
    ret_name[len] = '\0';
    return true;
}

/* Returns how many addresses there are: with several it is not clear who it is. */
static int
take_address(X509 *certificate, char ret_name[TLS_CLIENT_MAX], bool *ret_good)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    int count = 0;
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_EMAIL)
            continue;
        const ASN1_IA5STRING *text = name->d.rfc822Name;
        *ret_good = take_name(ASN1_STRING_get0_data(text), ASN1_STRING_length(text), ret_name);
        count++;
    }
    GENERAL_NAMES_free(names);
    return count;
}

static bool
take_common_name(X509 *certificate, char ret_name[TLS_CLIENT_MAX])
{
    X509_NAME *subject = X509_get_subject_name(certificate);
    int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0)
        return false;
    unsigned char *text = NULL;
    int len = ASN1_STRING_to_UTF8(
        &text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first)));
    bool good = take_name(text, len, ret_name);
    OPENSSL_free(text);
    return good;
}

bool
tls_stream_client(const struct ssl_st *tls, char ret_name[TLS_CLIENT_MAX])
{
    X509 *certificate = SSL_get0_peer_certificate(tls);
    if (certificate == NULL || SSL_get_verify_result(tls) != X509_V_OK)
        return false;
    bool good = false;
    int addresses = take_address(certificate, ret_name, &good);
    return addresses > 0 ? addresses == 1 && good : take_common_name(certificate, ret_name);
}
