/* Auth: no login succeeds without the right password, whatever a front says. */
#include "hostile.h"

#include "base/mechanism.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sessions of this front; those whose right password was sent since the last OPEN are marked.
 */
enum { SESSIONS = 64 };
static bool granted[SESSIONS];

static void
write_users(const char *path)
{
    FILE *users = fopen(path, "we");
    if (users == NULL || fputs("ann:{PLAIN}right\nbob:{PLAIN}other\n", users) < 0 ||
        fclose(users) != 0)
        fail("cannot write '%s'", path);
}

static void
text_set(struct ipc_text *text, const char *value)
{
    text->len = (uint16_t)strlen(value);
    memcpy(text->data, value, text->len);
}

static void
settings(struct role *role, const char *path)
{
    struct ipc_auth_settings all = {
        .source_count = 1,
        .mechanisms = MECHANISMS_ALL,
        .apop = 1,
        .failures_per_address = 40,
        .failure_window_seconds = 1,
        .owner_processes = 1,
    };
    struct ipc_auth_source source = {.file.len = (uint16_t)strlen(path)};
    memcpy(source.file.data, path, source.file.len);
    tell(role, IPC_AUTH_SETTINGS, &all, sizeof all, NULL, 0);
    tell(role, IPC_AUTH_SOURCE, &source, sizeof source, NULL, 0);
}

/* What auth tells store: only what was proved. */
static void
hear_opens(struct role *role)
{
    struct ipc_packet packet;
    while (hear(role->neighbour, IPC_AUTH, IPC_STORE, &packet)) {
        const struct ipc_open *open = (const void *)packet.body;
        uint64_t session = packet.header.session;
        bool ann = open->user.len == 3 && memcmp(open->user.data, "ann", 3) == 0;
        if (session >= SESSIONS || !granted[session] || !ann)
            fail("auth opens a maildrop that nobody proved to have");
    }
}

static void
hear_answers(struct role *role)
{
    struct ipc_packet packet;
    while (hear(role->front, IPC_AUTH, IPC_FRONT, &packet))
        ipc_packet_finish(&packet);
}

static const char *const names[] = {"ann", "bob", "nobody", "", "../ann", "ann\n", "ANN"};
static const char *const words[] = {"wrong", "", "right ", "Right", "othe", "rightright"};

static const char *
any(const char *const *list, size_t count)
{
    return list[chance((uint32_t)count)];
}

/* Few, so that some are banned. */
static struct network_address
any_address(void)
{
    static const unsigned char lengths[] = {0, 4, 16};
    struct network_address address = {.len = lengths[chance(3)]};
    if (address.len > 0)
        address.octets[address.len - 1] = (unsigned char)chance(8);
    return address;
}

static bool
send_login(struct role *role, uint64_t session)
{
    struct ipc_login login = {.from = any_address()};
    bool right = session < SESSIONS && chance(50) == 0;
    text_set(&login.user, right ? "ann" : any(names, sizeof names / sizeof *names));
    text_set(&login.password, right ? "right" : any(words, sizeof words / sizeof *words));
    if (right)
        granted[session] = true;
    return send_from_front(role, IPC_LOGIN, session, &login, sizeof login);
}

/* "\\0name\\0password", never the right one. */
static uint32_t
plain_message(char *octets)
{
    const char *parts[] = {
        any(names, sizeof names / sizeof *names), any(words, sizeof words / sizeof *words)};
    uint32_t len = 0;
    for (size_t i = 0; i < 2; i++) {
        octets[len++] = '\0';
        memcpy(octets + len, parts[i], strlen(parts[i]));
        len += (uint32_t)strlen(parts[i]);
    }
    return len;
}

/* Messages that mechanisms expect, and others. */
static uint32_t
sasl_octets(char *octets)
{
    static const char *const messages[] = {
        "",
        "n,,n=ann,r=abcdefgh",
        "y,,n=ann,r=abcdefgh",
        "p=tls-exporter,,n=ann,r=abcdefgh",
        "n,a=bob,n=ann,r=abc",
        "c=biws,r=abcdefgh,p=AAAA",
        "ann",
        "ann 0123456789abcdef0123456789abcdef",
        "n,,n=a=2Cb,r=,,,,",
        "n,a=ann,\1auth=Bearer abc.def.ghi\1\1",
        "user=ann\1auth=Bearer abc\1\1",
        "\1",
    };
    if (chance(4) == 0) {
        uint32_t len = chance(chance(20) == 0 ? IPC_SASL_MAX : 64);
        for (uint32_t i = 0; i < len; i++)
            octets[i] = (char)chance(256);
        return len;
    }
    if (chance(4) == 0)
        return plain_message(octets);
    const char *message = any(messages, sizeof messages / sizeof *messages);
    memcpy(octets, message, strlen(message));
    return (uint32_t)strlen(message);
}

static bool
send_begin(struct role *role, uint64_t session)
{
    static struct ipc_sasl_begin begin;
    memset(&begin, 0, offsetof(struct ipc_sasl_begin, octets));
    begin.from = any_address();
    begin.mechanism = chance(MECHANISM_COUNT);
    begin.binding_len = chance(2) ? IPC_BINDING_MAX : 0;
    begin.certified.len = chance(4) ? 0 : (uint16_t)chance(USER_NAME_MAX + 1);
    for (size_t i = 0; i < begin.certified.len; i++)
        begin.certified.data[i] = (char)chance(256);
    begin.len = sasl_octets(begin.octets);
    return send_from_front(
        role, IPC_SASL_BEGIN, session, &begin,
        offsetof(struct ipc_sasl_begin, octets) + begin.len);
}

static bool
send_response(struct role *role, uint64_t session)
{
    static struct ipc_sasl response;
    response.len = sasl_octets(response.octets);
    return send_from_front(
        role, IPC_SASL_RESPONSE, session, &response,
        offsetof(struct ipc_sasl, octets) + response.len);
}

/* Digests of the right form, and others; none of them is right. */
static bool
send_apop(struct role *role, uint64_t session)
{
    static struct ipc_apop apop;
    apop.from = any_address();
    text_set(&apop.user, any(names, sizeof names / sizeof *names));
    apop.timestamp.len = (uint16_t)chance(USER_NAME_MAX + 1);
    apop.digest.len = chance(2) ? 32 : (uint16_t)chance(USER_NAME_MAX + 1);
    for (size_t i = 0; i < USER_NAME_MAX; i++) {
        apop.timestamp.data[i] = (char)chance(256);
        apop.digest.data[i] = "0123456789abcdef"[chance(16)];
    }
    return send_from_front(role, IPC_APOP, session, &apop, sizeof apop);
}

static bool
send_any(struct role *role)
{
    static bool in_exchange[SESSIONS]; /* as far as we know: SCRAM's first step goes on */
    uint64_t session = chance(SESSIONS);
    struct ipc_check check = {.from = any_address()};
    switch (chance(9)) {
    case 8:
        return send_apop(role, session);
    case 0:
        text_set(&check.user, any(names, sizeof names / sizeof *names));
        return send_from_front(role, IPC_CHECK, session, &check, sizeof check);
    case 1:
    case 2:
        if (in_exchange[session])
            return send_response(role, session);
        in_exchange[session] = true;
        return send_begin(role, session);
    case 3:
        in_exchange[session] = false;
        return send_from_front(role, IPC_SASL_CANCEL, session, NULL, 0);
    default:
        return send_login(role, session);
    }
}

void
attack_auth(uint64_t count, const char *folder)
{
    struct role role;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s/users", folder);
    write_users(path);
    role_begin(&role, IPC_AUTH);
    settings(&role, path);
    role.neighbour = connect_as(&role, IPC_STORE, 0);
    role_started(&role);
    front_again(&role);
    while (role.sent < count) {
        if (!send_any(&role))
            front_again(&role);
        hear_answers(&role);
        hear_opens(&role);
        if (role.sent % 65536 == 0)
            role_check(&role);
    }
    role_end(&role);
    (void)printf(
        "ok - auth: %llu messages, its channel closed %llu times\n",
        (unsigned long long)role.sent, (unsigned long long)role.closed);
}
