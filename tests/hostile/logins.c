/* An honest front and a store, for a test of auth's helpers. */
#include "logins.h"

#include "base/mechanism.h"

#include <poll.h>
#include <pop/server.h>
#include <stdio.h>
#include <string.h>

enum { WAIT_MS = 20000 };

/* Places; those of logins that are lost stay lost. */
enum { LOGINS = 2 * LOGINS_OPEN, NAMES_SENT = NAMES - 1 /* no client's name has a NUL */ };

#define FIFTY "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

const struct pop_view login_names[NAMES] = {
    {"ann", 3},
    {"bob", 3},
    {"carl", 4},
    {"dora@example.org", 16},
    {FIFTY FIFTY FIFTY FIFTY FIFTY "xxxxx", USER_NAME_MAX},
    {"", 0},
    {"../ann", 6},
    {"ann/", 4},
    {".ann", 4},
    {"#ann", 4},
    {"ann:{PLAIN}", 11},
    {"ann\n", 4},
    {"\177", 1},
    {"ann\0", 4},
};
enum { WORDS = 4 };
const char *const login_words[] = {"right", "other", "third", "right "};

static struct login_counts counts;
static struct login logins[LOGINS];
static uint64_t last_session;

/* Logins whose challenge has no response yet, those from `responded` on. */
static struct login *challenged[LOGINS];
static uint64_t challenged_count;
static uint64_t responded;

const struct login_counts *
logins_counted(void)
{
    return &counts;
}

void
logins_begin(const char *path)
{
    FILE *users = fopen(path, "we");
    if (users == NULL || fputs("ann:{PLAIN}right\nbob:{PLAIN}other\n", users) < 0 ||
        fclose(users) != 0)
        fail("cannot write '%s'", path);
}

/* ---- what auth says ---- */

struct login *
login_of(uint64_t session)
{
    struct login *login = &logins[session % LOGINS];
    if (login->session != session)
        fail("auth speaks of a login that nobody began");
    return login;
}

struct login *
login_from(const struct network_address *from)
{
    uint64_t session;
    memcpy(&session, from->octets + 8, sizeof session);
    return login_of(session);
}

int
login_name_find(const struct ipc_text *text)
{
    int i = 0;
    while (i < NAMES &&
           !pop_view_equal(login_names[i], (struct pop_view){text->data, text->len}))
        i++;
    if (i == NAMES)
        fail("auth makes up a name");
    return i;
}

static void
login_end(struct login *login)
{
    if (login->state == LOGIN_DONE)
        fail("auth answers twice");
    counts.awaited -= login->state == LOGIN_AWAITED;
    login->state = LOGIN_DONE;
}

static bool
is_right(const struct login *login)
{
    return login->kind <= BY_PLAIN && login->name < NAMES_IN_FILE &&
           login->word == (uint32_t)login->name;
}

static void
on_open(const struct ipc_packet *packet)
{
    const struct ipc_open *open = (const void *)packet->body;
    struct login *login = login_of(packet->header.session);
    int name = login_name_find(&open->user);
    if (packet->header.number != login->front)
        fail("auth opens a maildrop for another front");
    bool by_file = is_right(login) && name == login->name && open->uid == UINT32_MAX;
    if (!by_file && name != login->granted)
        fail("auth opens a maildrop that neither the file nor a helper gave");
    if (!by_file && name < NAMES_IN_FILE && !login->by_token)
        fail("a helper has let in a user of the file");
    (*(by_file ? &counts.by_file : &counts.by_helper))++;
    login_end(login);
}

/* The answer is sent when all that lies there has been read. */
static void
on_challenge(struct login *login)
{
    if (login->kind < BY_SCRAM)
        fail("a challenge to no exchange");
    challenged[challenged_count++ % LOGINS] = login;
}

static void
on_answer(const struct ipc_packet *packet)
{
    const struct ipc_refused *refused = (const void *)packet->body;
    if (packet->header.type == IPC_OFFER)
        return;
    struct login *login = login_of(packet->header.session);
    switch (packet->header.type) {
    case IPC_SASL_CHALLENGE:
        on_challenge(login);
        return;
    case IPC_LOGIN_REFUSED:
        counts.refused_temporary += refused->refusal == POP_REFUSAL_SYS_TEMP;
        if (is_right(login) && refused->refusal != POP_REFUSAL_SYS_TEMP)
            fail("a right password is refused");
        break;
    }
    if ((packet->header.type == IPC_CHECKED) != (login->kind == BY_NAME))
        fail("%s in the place of another answer", ipc_type_name(packet->header.type));
    login_end(login);
}

static void
hear_all(struct role *role)
{
    static struct ipc_packet packet;
    while (hear(role->neighbour, IPC_AUTH, IPC_STORE, &packet))
        on_open(&packet);
    while (hear(role->front, IPC_AUTH, IPC_FRONT, &packet))
        on_answer(&packet);
}

bool
logins_send(
    struct role *role, int fd, const struct ipc_header *header, const void *body, size_t size,
    const int *fds, size_t fd_count)
{
    role->sent++;
    for (;;) {
        enum ipc_result result = ipc_send(fd, header, body, size, fds, fd_count);
        struct pollfd ready[] = {
            {.fd = fd, .events = POLLOUT},
            {.fd = role->front, .events = POLLIN},
            {.fd = role->neighbour, .events = POLLIN}};
        if (result != IPC_AGAIN)
            return result == IPC_OK;
        if (poll(ready, 3, WAIT_MS) == 0)
            fail("auth does not read");
        hear_all(role);
    }
}

static void
from_front(struct role *role, uint32_t type, uint64_t session, const void *body, size_t size)
{
    struct ipc_header header = {.type = type, .session = session};
    if (!logins_send(role, role->front, &header, body, size, NULL, 0))
        fail("auth has closed the channel of an honest front");
}

/* Never the right one, so that the exchange comes to an end; or nothing more is said. */
static void
respond(struct role *role, struct login *login)
{
    static const struct ipc_sasl response = {.len = 1, .octets = "\1"};
    if (login->state == LOGIN_LOST)
        return;
    if (chance(4) == 0) {
        from_front(role, IPC_SASL_CANCEL, login->session, NULL, 0);
        login_end(login);
        return;
    }
    from_front(
        role, IPC_SASL_RESPONSE, login->session, &response,
        offsetof(struct ipc_sasl, octets) + response.len);
}

void
logins_listen(struct role *role)
{
    hear_all(role);
    while (responded < challenged_count)
        respond(role, challenged[responded++ % LOGINS]);
}

/* ---- logins ---- */

static struct login *
login_new(struct role *role, enum login_kind kind, int name)
{
    while (logins[++last_session % LOGINS].state == LOGIN_LOST)
        continue;
    struct login *login = &logins[last_session % LOGINS];
    if (login->state == LOGIN_AWAITED)
        fail("a login has no answer, long after it was sent");
    *login = (struct login){
        .session = last_session,
        .state = LOGIN_AWAITED,
        .kind = kind,
        .front = role->front_number,
        .name = name,
        .word = chance(3) ? chance(WORDS) : (uint32_t)name % WORDS,
        .granted = NAME_NONE,
    };
    counts.awaited++;
    return login;
}

static struct network_address
address_of(const struct login *login)
{
    struct network_address address = {.len = 16, .octets = {0x20, 0x01, 0x0d, 0xb8}};
    memcpy(address.octets + 8, &login->session, sizeof login->session);
    return address;
}

static void
text_set(struct ipc_text *text, struct pop_view value)
{
    text->len = (uint16_t)value.len;
    memcpy(text->data, value.data, value.len);
}

void
login_send(struct role *role, int name)
{
    struct login *login = login_new(role, BY_PASSWORD, name);
    struct ipc_login message = {.from = address_of(login)};
    text_set(&message.user, login_names[name]);
    text_set(&message.password, pop_view_of(login_words[login->word]));
    from_front(role, IPC_LOGIN, login->session, &message, sizeof message);
}

static void
send_check(struct role *role, int name)
{
    struct login *login = login_new(role, BY_NAME, name);
    struct ipc_check message = {.from = address_of(login)};
    text_set(&message.user, login_names[name]);
    from_front(role, IPC_CHECK, login->session, &message, sizeof message);
}

/* What a mechanism begins with, around the name. */
static const struct opening {
    enum login_kind kind;
    enum mechanism mechanism;
    struct pop_view before, after; /* PLAIN: the password comes behind */
} openings[] = {
    {BY_PLAIN, MECHANISM_PLAIN, {"\0", 1}, {"\0", 1}},
    {BY_SCRAM, MECHANISM_SCRAM_SHA_256, {"n,,n=", 5}, {",r=abcdefgh", 11}},
    {BY_OAUTHBEARER, MECHANISM_OAUTHBEARER, {"n,a=", 4}, {",\1auth=Bearer abc\1\1", 19}},
    {BY_XOAUTH2, MECHANISM_XOAUTH2, {"user=", 5}, {"\1auth=Bearer abc\1\1", 18}},
};

static void
append(struct ipc_sasl_begin *message, struct pop_view octets)
{
    memcpy(message->octets + message->len, octets.data, octets.len);
    message->len += (uint32_t)octets.len;
}

static void
send_begin(struct role *role, const struct opening *opening, int name)
{
    static struct ipc_sasl_begin message;
    bool unnamed = opening->kind == BY_OAUTHBEARER && chance(3) == 0;
    struct login *login = login_new(role, opening->kind, unnamed ? NAME_EMPTY : name);
    memset(&message, 0, offsetof(struct ipc_sasl_begin, octets));
    message.mechanism = opening->mechanism;
    message.from = address_of(login);
    append(&message, unnamed ? POP_VIEW("n,") : opening->before);
    append(&message, login_names[login->name]);
    append(&message, opening->after);
    if (opening->kind == BY_PLAIN)
        append(&message, pop_view_of(login_words[login->word]));
    from_front(
        role, IPC_SASL_BEGIN, login->session, &message,
        offsetof(struct ipc_sasl_begin, octets) + message.len);
}

void
login_send_any(struct role *role)
{
    uint32_t way = chance(12);
    if (way < 3)
        login_send(role, (int)chance(chance(3) ? NAMES_FINE : NAMES_SENT));
    else if (way < 5)
        send_check(role, (int)chance(chance(3) ? NAMES_FINE : NAMES_SENT));
    else if (way < 6 || chance(8) == 0) /* keys are made for it, which is work */
        send_begin(role, &openings[chance(2)], (int)chance(NAMES_FINE));
    else
        send_begin(role, &openings[chance(4) ? 2 + chance(2) : 0], (int)chance(NAMES_FINE));
}

void
logins_lose(struct role *role)
{
    for (size_t i = 0; i < LOGINS; i++)
        if (logins[i].state == LOGIN_AWAITED)
            logins[i].state = LOGIN_LOST;
    counts.awaited = 0;
    front_again(role);
}
