/* Keys: signs what a TLS server's handshake signs, and nothing else. */
#include "hostile.h"

#include "net/tls_private_key.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int
memory_file(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    int fd = memfd_create("pem", MFD_CLOEXEC);
    if (fd < 0 || write(fd, data, (size_t)len) != len)
        fail("cannot make a memory file");
    BIO_free(bio);
    return fd;
}

/* A key and a certificate for it, as the parent hands them over. */
static void
give_key(struct role *role)
{
    struct ipc_key info = {.key = 7};
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    BIO *texts[] = {BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), 86400 * 100L);
    if (X509_set_pubkey(certificate, key) != 1 ||
        X509_sign(certificate, key, EVP_sha256()) == 0 ||
        PEM_write_bio_X509(texts[0], certificate) != 1 ||
        PEM_write_bio_PrivateKey(texts[1], key, NULL, NULL, 0, NULL, NULL) != 1)
        fail("cannot make a certificate");
    int fds[] = {memory_file(texts[0]), memory_file(texts[1])};
    tell(role, IPC_KEY, &info, sizeof info, fds, 2);
    (void)close(fds[0]); /* the role's */
    (void)close(fds[1]);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

/* The input of a TLS 1.3 signature, sometimes with one octet too odd. */
static void
make_input(struct ipc_sign *sign, bool *ret_right)
{
    static const char label[] = "TLS 1.3, server CertificateVerify";
    memset(sign->input, ' ', 64);
    memcpy(sign->input + 64, label, sizeof label);
    for (size_t i = 0; i < 32; i++)
        sign->input[64 + sizeof label + i] = (char)chance(256);
    sign->len = 64 + sizeof label + 32;
    *ret_right = chance(3) != 0;
    if (*ret_right)
        return;
    switch (chance(3)) {
    case 0:
        sign->len = chance(IPC_SIGN_INPUT_MAX + 1);
        break;
    case 1:
        sign->input[chance(64 + sizeof label)] ^= (char)(1 + chance(255));
        break;
    default:
        for (uint32_t i = 0; i < sign->len; i++)
            sign->input[i] = (char)chance(256);
    }
}

void
attack_keys(uint64_t count, const char *folder)
{
    struct role role;
    struct ipc_packet packet;
    (void)folder;
    role_begin(&role, IPC_KEYS);
    give_key(&role);
    role_started(&role);
    front_again(&role);
    while (role.sent < count) {
        struct ipc_sign sign = {.key = chance(9), .signature = chance(5), .pss = chance(2)};
        bool right;
        make_input(&sign, &right);
        if (!send_from_front(&role, IPC_SIGN, 0, &sign, sizeof sign)) {
            front_again(&role);
            continue;
        }
        if (!hear_soon(role.front, IPC_KEYS, IPC_FRONT, &packet)) {
            role.closed++;
            front_again(&role);
            continue;
        }
        bool made = ((const struct ipc_signed *)(const void *)packet.body)->len > 0;
        if (made && !tls_sign_input_is_handshake((struct pop_view){sign.input, sign.len}))
            fail("a signature for what is no handshake");
        if (role.sent % 4096 == 0)
            role_check(&role);
    }
    role_end(&role);
    (void)printf(
        "ok - keys: %llu messages, its channel closed %llu times\n",
        (unsigned long long)role.sent, (unsigned long long)role.closed);
}
