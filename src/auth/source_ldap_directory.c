/*
 * Connections to a directory, by libldap. Each question has its deadline, also
 * while a connection is made, while TLS begins, and when an answer stops in its
 * middle. libldap's own files and variables have no say.
 */
#include "auth/source_ldap.h"
#include "base/clock.h"
#include "base/limits.h"

#include <errno.h>
#include <ldap.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* For one address of a server, so that the deadline leaves room for another. */
#define CONNECT_SECONDS 3

/* After this silence the system begins to ask whether the other end is still there, and it
 * gives up when what it sent is not taken. */
#define KEEPALIVE_SECONDS 60
#define UNTAKEN_MS        4000u

/* ---- failures ---- */

static enum err_code
code_of(int result)
{
    switch (result) {
    case LDAP_SERVER_DOWN:
    case LDAP_CONNECT_ERROR:
    case LDAP_UNAVAILABLE: /* it shuts down */
        return ERR_CLOSED;
    case LDAP_TIMEOUT:
        return ERR_BUSY;
    case LDAP_NO_MEMORY:
        return ERR_NOMEM;
    default:
        return ERR_PROTOCOL;
    }
}

static enum err_code
set_late(const struct directory *directory, struct err *err)
{
    return err_set(
        err, ERR_BUSY, "%s did not answer within %d seconds", directory->place->url,
        SOURCE_SECONDS_MAX);
}

static enum err_code
set_failure(
    struct directory *directory, enum err_code code, int result, const char *what,
    struct err *err)
{
    char *why = NULL;
    if (code == ERR_CLOSED && clock_ms() >= directory->due_ms)
        return set_late(directory, err);
    (void)ldap_get_option(directory->ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &why);
    bool has_why = why != NULL && why[0] != '\0';
    (void)err_set(
        err, code, "%s at %s: %s%s%s%s", what, directory->place->url, ldap_err2string(result),
        has_why ? " (" : "", has_why ? why : "", has_why ? ")" : "");
    ldap_memfree(why);
    return code;
}

/* ---- connecting ---- */

/*
 * A layer below libldap's own, down to the socket. libldap waits with a limit
 * for the first octet of an answer, but reads the rest, and goes through the
 * handshake of TLS, without one.
 */
static bool
wait_for(Sockbuf_IO_Desc *layer, short events)
{
    const struct directory *directory = layer->sbiod_pvt;
    struct pollfd fd = {.fd = -1, .events = events};
    if (ber_sockbuf_ctrl(layer->sbiod_sb, LBER_SB_OPT_GET_FD, &fd.fd) != 1)
        return true; /* the layer below says what is wrong */
    int64_t left_ms = directory->due_ms - clock_ms();
    int ready = left_ms > 0 ? poll(&fd, 1, (int)left_ms) : 0;
    if (ready == 0)
        errno = ETIMEDOUT;
    return ready > 0;
}

static ber_slen_t
bounded_read(Sockbuf_IO_Desc *layer, void *to, ber_len_t size)
{
    return wait_for(layer, POLLIN) ? LBER_SBIOD_READ_NEXT(layer, to, size) : -1;
}

static ber_slen_t
bounded_write(Sockbuf_IO_Desc *layer, void *from, ber_len_t size)
{
    return wait_for(layer, POLLOUT) ? LBER_SBIOD_WRITE_NEXT(layer, from, size) : -1;
}

static int
bounded_setup(Sockbuf_IO_Desc *layer, void *directory)
{
    layer->sbiod_pvt = directory;
    return 0;
}

static int
bounded_end(Sockbuf_IO_Desc *layer)
{
    layer->sbiod_pvt = NULL;
    return 0;
}

static int
bounded_control(Sockbuf_IO_Desc *layer, int option, void *argument)
{
    return LBER_SBIOD_CTRL_NEXT(layer, option, argument);
}

static Sockbuf_IO bounded = {
    .sbi_setup = bounded_setup,
    .sbi_remove = bounded_end,
    .sbi_ctrl = bounded_control,
    .sbi_read = bounded_read,
    .sbi_write = bounded_write,
};

/* libldap has connected. The layer of the socket itself is still to come, and goes below. */
static int
set_up_socket(
    LDAP *ldap, Sockbuf *buffer, LDAPURLDesc *server, struct sockaddr *address,
    struct ldap_conncb *callbacks)
{
    int fd = -1;
    const int on = 1, idle = KEEPALIVE_SECONDS;
    const unsigned untaken_ms = UNTAKEN_MS;
    (void)ldap;
    (void)server;
    (void)address;
    if (ber_sockbuf_ctrl(buffer, LBER_SB_OPT_GET_FD, &fd) != 1 ||
        ber_sockbuf_add_io(
            buffer, &bounded, LBER_SBIOD_LEVEL_PROVIDER + 1, callbacks->lc_arg) != 0)
        return -1;
    /* A local socket has none of these, and needs none. */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &untaken_ms, sizeof untaken_ms);
    return 0;
}

static void
forget_socket(LDAP *ldap, Sockbuf *buffer, struct ldap_conncb *callbacks)
{
    (void)ldap;
    (void)buffer;
    (void)callbacks;
}

/* Where systems keep the authorities that all may trust; ldap.conf, which says it on some, is
 * not read. */
static const char *
authorities(void)
{
    static const char *const files[] = {
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    };
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (access(files[i], R_OK) == 0)
            return files[i];
    return NULL; /* the TLS library's own */
}

static bool
has_tls(const struct directory_place *place)
{
    return place->start_tls || strstr(place->url, "ldaps://") != NULL;
}

static bool
set_up_tls(LDAP *ldap, const char *ca)
{
    const int demand = LDAP_OPT_X_TLS_DEMAND;
    const int version = LDAP_OPT_X_TLS_PROTOCOL_TLS1_2;
    const int for_client = 0;
    const char *file = ca != NULL ? ca : authorities();
    return ldap_set_option(ldap, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand) == LDAP_OPT_SUCCESS &&
           ldap_set_option(ldap, LDAP_OPT_X_TLS_PROTOCOL_MIN, &version) == LDAP_OPT_SUCCESS &&
           (file == NULL ||
            ldap_set_option(ldap, LDAP_OPT_X_TLS_CACERTFILE, file) == LDAP_OPT_SUCCESS) &&
           ldap_set_option(ldap, LDAP_OPT_X_TLS_NEWCTX, &for_client) == LDAP_OPT_SUCCESS;
}

static enum err_code
set_up(LDAP *ldap, const struct directory_place *place, struct err *err)
{
    const int version = LDAP_VERSION3;
    const int dereference = LDAP_DEREF_NEVER;
    if (ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_DEREF, &dereference) != LDAP_OPT_SUCCESS ||
        /* Else a directory could send us, with the password, wherever it likes. */
        ldap_set_option(ldap, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != LDAP_OPT_SUCCESS ||
        ldap_set_option(ldap, LDAP_OPT_RESTART, LDAP_OPT_ON) != LDAP_OPT_SUCCESS)
        return err_set(err, ERR_NOMEM, "connecting to a directory");
    if (has_tls(place) && !set_up_tls(ldap, place->ca))
        return err_set(
            err, ERR_INVALID, "ca: '%s' has no authorities that can be used",
            place->ca != NULL ? place->ca : "the system's file");
    return ERR_OK;
}

enum err_code
directory_check(const struct directory_place *place, struct err *err)
{
    LDAP *ldap = NULL;
    if (setenv("LDAPNOINIT", "1", 1) != 0)
        return err_set(err, ERR_NOMEM, "opening a source of users");
    if (ldap_initialize(&ldap, place->url) != LDAP_SUCCESS)
        return err_set(
            err, ERR_INVALID, "url: '%s' is none of ldap://, ldaps:// or ldapi://", place->url);
    enum err_code code = set_up(ldap, place, err);
    (void)ldap_unbind_ext(ldap, NULL, NULL); /* it was never connected */
    return code;
}

static struct timeval
left(const struct directory *directory)
{
    int64_t ms = directory->due_ms - clock_ms();
    if (ms < 0)
        ms = 0;
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
}

/* Before each thing that is asked. */
static enum err_code
set_deadline(struct directory *directory, struct err *err)
{
    struct timeval whole = left(directory);
    struct timeval connecting = whole;
    if (whole.tv_sec == 0 && whole.tv_usec == 0)
        return set_late(directory, err);
    if (connecting.tv_sec >= CONNECT_SECONDS)
        connecting = (struct timeval){.tv_sec = CONNECT_SECONDS};
    if (ldap_set_option(directory->ldap, LDAP_OPT_NETWORK_TIMEOUT, &connecting) !=
            LDAP_OPT_SUCCESS ||
        ldap_set_option(directory->ldap, LDAP_OPT_TIMEOUT, &whole) != LDAP_OPT_SUCCESS)
        return err_set(err, ERR_NOMEM, "asking a directory");
    return ERR_OK;
}

enum err_code
directory_connect(struct directory *directory, struct err *err)
{
    int result = ldap_initialize(&directory->ldap, directory->place->url);
    if (result != LDAP_SUCCESS)
        return err_set(err, ERR_NOMEM, "connecting to a directory");
    if (set_up(directory->ldap, directory->place, err) != ERR_OK) {
        err->code =
            ERR_CHANGED; /* the file was right at the start, and it is no user's fault */
        return err->code;
    }
    directory->callbacks = (struct ldap_conncb){
        .lc_add = set_up_socket, .lc_del = forget_socket, .lc_arg = directory};
    if (ldap_set_option(directory->ldap, LDAP_OPT_CONNECT_CB, &directory->callbacks) !=
        LDAP_OPT_SUCCESS)
        return err_set(err, ERR_NOMEM, "connecting to a directory");
    if (set_deadline(directory, err) != ERR_OK)
        return err->code;
    if (directory->place->start_tls)
        result = ldap_start_tls_s(directory->ldap, NULL, NULL);
    return result == LDAP_SUCCESS ? ERR_OK
                                  : set_failure(directory, code_of(result), result, "TLS", err);
}

void
directory_close(struct directory *directory)
{
    if (directory->ldap != NULL)
        (void)ldap_unbind_ext(directory->ldap, NULL, NULL); /* frees, whatever it says */
    directory->ldap = NULL;
}

/* ---- questions ---- */

/* *ret_code is what the directory says of it. `first`: what sending it returned. */
static enum err_code
await(
    struct directory *directory, int first, int id, const char *what, int *ret_code,
    LDAPMessage **ret_message, struct err *err)
{
    struct timeval limit = left(directory);
    LDAPMessage *message = NULL;
    int code = first;
    if (first != LDAP_SUCCESS)
        return set_failure(directory, code_of(first), first, what, err);
    int type = ldap_result(directory->ldap, id, LDAP_MSG_ALL, &limit, &message);
    if (type == 0)
        return set_late(directory, err);
    if (type < 0) {
        (void)ldap_get_option(directory->ldap, LDAP_OPT_RESULT_CODE, &code);
        return set_failure(directory, code_of(code), code, what, err);
    }
    int result = ldap_parse_result(directory->ldap, message, &code, NULL, NULL, NULL, NULL, 0);
    if (result != LDAP_SUCCESS) {
        (void)ldap_msgfree(message);
        return set_failure(directory, code_of(result), result, what, err);
    }
    *ret_code = code;
    *ret_message = message;
    return ERR_OK;
}

enum err_code
directory_bind(
    struct directory *directory, const char *dn, struct pop_view password, struct err *err)
{
    char octets[PASSWORD_MAX + 1];
    struct berval credentials = {.bv_len = password.len, .bv_val = octets};
    LDAPMessage *message = NULL;
    int id = 0, code = 0;
    if (password.len == 0 || password.len > PASSWORD_MAX)
        return err_set(err, ERR_DENIED, "no such password");
    if (set_deadline(directory, err) != ERR_OK)
        return err->code;
    memcpy(octets, password.data, password.len);
    int sent =
        ldap_sasl_bind(directory->ldap, dn, LDAP_SASL_SIMPLE, &credentials, NULL, NULL, &id);
    explicit_bzero(octets, sizeof octets);
    if (await(directory, sent, id, "bind", &code, &message, err) != ERR_OK)
        return err->code;
    (void)ldap_msgfree(message);
    switch (code) {
    case LDAP_SUCCESS:
        return ERR_OK;
    case LDAP_NO_SUCH_OBJECT:
        return set_failure(directory, ERR_NOT_FOUND, code, "bind", err);
    case LDAP_INVALID_CREDENTIALS:
    case LDAP_INAPPROPRIATE_AUTH:   /* it has no password */
    case LDAP_UNWILLING_TO_PERFORM: /* so some say of accounts that are locked */
    case LDAP_CONSTRAINT_VIOLATION: /* and so */
        return set_failure(directory, ERR_DENIED, code, "bind", err);
    default:
        return set_failure(directory, code_of(code), code, "bind", err);
    }
}

enum err_code
directory_search(
    struct directory *directory, const char *base, int scope, const char *filter,
    const char *const attributes[DIRECTORY_ATTRIBUTES_MAX], LDAPMessage **ret_result,
    struct err *err)
{
    LDAPMessage *message = NULL;
    char *wanted[DIRECTORY_ATTRIBUTES_MAX + 1] = {NULL};
    int id = 0, code = 0;
    if (set_deadline(directory, err) != ERR_OK)
        return err->code;
    /* libldap does not write into them, but does not say so. */
    memcpy(wanted, attributes, DIRECTORY_ATTRIBUTES_MAX * sizeof *wanted);
    struct timeval limit = left(directory);
    if (limit.tv_sec == 0)
        limit =
            (struct timeval){.tv_sec = 1}; /* the server counts whole seconds; 0: no limit */
    int sent = ldap_search_ext(
        directory->ldap, base, scope, filter, wanted, 0, NULL, NULL, &limit, 2, &id);
    if (await(directory, sent, id, "search", &code, &message, err) != ERR_OK)
        return err->code;
    int count = ldap_count_entries(directory->ldap, message);
    if (code == LDAP_SUCCESS && count == 1) {
        *ret_result = message;
        return ERR_OK;
    }
    (void)ldap_msgfree(message);
    if (code == LDAP_SIZELIMIT_EXCEEDED || (code == LDAP_SUCCESS && count > 1))
        return err_set(err, ERR_INVALID, "the directory has more than one entry");
    if (code == LDAP_SUCCESS)
        return err_set(err, ERR_NOT_FOUND, "no such user");
    return set_failure(directory, code_of(code), code, "search", err);
}
