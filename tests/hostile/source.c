/*
 * A helper of auth that was taken over: it lets in whom it is asked about, and
 * nobody else; what it says never harms the logins of others.
 */
#include "logins.h"

#include "base/mechanism.h"
#include "base/source_kind.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 20000 };

struct question {
    uint64_t id;
    struct login *login;
    uint32_t task;
    int name;
};

enum { OF_PASSWORDS, OF_TOKENS, HELPERS };
static struct helper {
    int fd;
    bool spoke;
    bool verifies;
    bool deaf;     /* it does not even read */
    uint32_t idle; /* so many questions may wait before it answers one */
    uint32_t count;
    struct question questions[SOURCE_QUESTIONS_MAX];
    uint64_t last_id; /* that was answered */
} helpers[HELPERS];

static void
on_question(struct helper *helper, const struct ipc_packet *packet)
{
    const struct ipc_ask *ask = (const void *)packet->body;
    struct question question = {
        .id = packet->header.session,
        .login = login_from(&ask->from),
        .task = ask->task,
        .name = login_name_find(&ask->user)};
    if (question.login->state == LOGIN_DONE)
        fail("a question about a login that has ended");
    if (!helper->spoke || helper->count == SOURCE_QUESTIONS_MAX)
        fail("more questions than a helper may have");
    uint32_t task = helper == &helpers[OF_TOKENS] ? IPC_ASK_TOKEN
                    : helper->verifies            ? IPC_ASK_VERIFY
                                                  : IPC_ASK_LOOK_UP;
    if (ask->task != task || (task == IPC_ASK_LOOK_UP && ask->len > 0))
        fail("a helper hears what it must not");
    if (task != IPC_ASK_TOKEN && question.name < NAMES_IN_FILE)
        fail("a helper is asked about a user of the file");
    helper->questions[helper->count++] = question;
}

/* All that lies there already. */
static void
listen_to(struct role *role)
{
    static struct ipc_packet packet;
    logins_listen(role);
    for (size_t i = 0; i < HELPERS; i++)
        while (helpers[i].fd >= 0 && !helpers[i].deaf &&
               hear(helpers[i].fd, IPC_AUTH, IPC_SOURCE, &packet))
            on_question(&helpers[i], &packet);
}

/* ---- helpers ---- */

static void
helper_close(struct helper *helper)
{
    (void)close(helper->fd);
    helper->fd = -1;
    helper->count = 0;
    helper->spoke = false;
}

/* As the parent: a helper that has ended has a successor. */
static void
helper_again(struct role *role, struct helper *helper)
{
    static const uint32_t idle[] = {0, 2, 20, SOURCE_QUESTIONS_MAX};
    int fd = connect_as(role, IPC_SOURCE, 1 + (uint32_t)(helper - helpers));
    if (helper->fd >= 0)
        helper_close(helper);
    helper->fd = fd;
    helper->idle = idle[chance(4)];
    helper->deaf = chance(20) == 0;
}

static bool
say(struct role *role, struct helper *helper, uint32_t type, uint64_t id, const void *body,
    size_t size, size_t fd_count)
{
    int fds[] = {STDOUT_FILENO, STDOUT_FILENO};
    struct ipc_header header = {.type = type, .number = chance(3), .session = id};
    return logins_send(role, helper->fd, &header, body, size, fds, fd_count);
}

static void
say_mode(struct role *role, struct helper *helper)
{
    struct ipc_source_mode mode = {.verifies = chance(3) == 0 ? 1 + chance(9) : 0};
    helper->spoke = true;
    helper->verifies = mode.verifies != 0;
    if (!say(role, helper, IPC_SOURCE_MODE, 0, &mode, sizeof mode, 0))
        fail("auth has closed the channel of a helper that has said nothing");
}

/* Pairs of label and stored password, some of a kind that no user can have. */
static void
passwords_fill(struct ipc_answer *answer)
{
    static const char *const labels[] = {"", "", "phone", "\n"};
    static const char *const stored[] = {
        "{PLAIN}right", "{PLAIN}other", "{PLAIN}third",    "{PLAIN}", "*", "",
        "{NONE}x",      "$6$",          "{SCRAM-SHA-256}1"};
    uint32_t count = chance(chance(8) == 0 ? 40 : 4);
    answer->len = 0;
    for (uint32_t i = 0; i < count; i++) {
        bool fine = chance(8) != 0;
        const char *texts[] = {labels[chance(4)], stored[chance(fine ? 3 : 9)]};
        for (size_t j = 0; j < 2; j++) {
            size_t size = strlen(texts[j]) + 1;
            memcpy(answer->passwords + answer->len, texts[j], size);
            answer->len += (uint32_t)size;
        }
    }
    if (chance(50) == 0) { /* a text that is far too long, or a label alone */
        uint32_t len = chance(2) * 2000;
        memset(answer->passwords + answer->len, 'x', len);
        answer->len += len;
        answer->passwords[answer->len++] = '\0';
    }
}

static bool
has_word(const struct ipc_answer *answer, const char *word)
{
    char text[32];
    int len = snprintf(text, sizeof text, "{PLAIN}%s", word);
    return memmem(answer->passwords, answer->len, text, (size_t)len + 1) != NULL;
}

static void
answer_fill(struct ipc_answer *answer, int name)
{
    memset(answer, 0, offsetof(struct ipc_answer, passwords));
    answer->result = chance(3) ? IPC_ANSWER_FOUND : chance(IPC_ANSWER_RESULT_COUNT);
    answer->disabled = chance(20) == 0;
    answer->uid = answer->gid = chance(3);
    answer->user.len = (uint16_t)login_names[name].len;
    memcpy(answer->user.data, login_names[name].data, login_names[name].len);
    answer->error.len = chance(2) ? USER_NAME_MAX : 0;
    memset(answer->error.data, (char)chance(256), USER_NAME_MAX);
    answer->home.len = (uint16_t)chance(chance(20) ? 20 : PATH_LEN_MAX + 1);
    memset(answer->home.data, chance(20) ? 'h' : '\0', answer->home.len);
    passwords_fill(answer);
}

/* What the helper may grant by it: it is asked about one user, who is in no file before it. */
static void
note_grant(const struct question *question, const struct ipc_answer *answer, int name)
{
    struct login *login = question->login;
    bool by_token = question->task == IPC_ASK_TOKEN;
    bool proved = by_token || question->task == IPC_ASK_VERIFY || login->kind > BY_SCRAM;
    bool may = by_token ? question->name == NAME_EMPTY || question->name == name
                        : name >= NAMES_IN_FILE && login->kind != BY_NAME &&
                              login->kind != BY_SCRAM && !answer->disabled;
    login->by_token = by_token;
    login->granted = NAME_NONE;
    if (answer->result == IPC_ANSWER_FOUND && name < NAMES_FINE && may &&
        (proved || has_word(answer, login_words[login->word])))
        login->granted = name;
}

static size_t
answer_size(const struct ipc_answer *answer)
{
    return offsetof(struct ipc_answer, passwords) + answer->len;
}

static void
answer_any(struct role *role, struct helper *helper)
{
    static struct ipc_answer answer;
    uint32_t index = chance(helper->count);
    struct question question = helper->questions[index];
    int name = chance(3) ? question.name : (int)chance(chance(3) ? NAMES_FINE : NAMES);
    helper->questions[index] = helper->questions[--helper->count];
    helper->last_id = question.id;
    answer_fill(&answer, name);
    note_grant(&question, &answer, name);
    if (!say(role, helper, IPC_ANSWER, question.id, &answer, answer_size(&answer), 0))
        fail("auth has closed the channel of a helper that it has asked");
}

/* Something that no helper may send now. */
static bool
break_rules(struct role *role, struct helper *helper)
{
    static struct ipc_answer answer;
    const struct helper *other = helper == helpers ? helper + 1 : helpers;
    uint64_t id = helper->count > 0 ? helper->questions[0].id : chance(9);
    struct ipc_source_mode mode = {.verifies = chance(2)};
    answer_fill(&answer, chance(NAMES));
    size_t size = answer_size(&answer);
    switch (chance(9)) {
    case 0: /* the same again */
        id = helper->last_id;
        break;
    case 1: /* nobody asked */
        id = (uint64_t)chance(UINT32_MAX) << 32 | chance(UINT32_MAX);
        break;
    case 2: /* the other one was asked */
        id = other->count > 0 ? other->questions[chance(other->count)].id : 0;
        break;
    case 3:
        if (!helper->spoke)
            break; /* it was not asked yet */
        return say(role, helper, IPC_SOURCE_MODE, id, &mode, sizeof mode, 0);
    case 4: { /* what others may send */
        uint32_t type = chance(4) ? chance(IPC_TYPE_COUNT) : chance(UINT32_MAX);
        bool is_mine = type == IPC_ANSWER || type == IPC_SOURCE_MODE;
        return say(role, helper, is_mine ? IPC_OPEN : type, id, &answer, chance(600), 0);
    }
    case 5:
        size = chance((uint32_t)size);
        break;
    case 6:
        return say(role, helper, IPC_ANSWER, id, &answer, size, 1 + chance(2));
    case 7:
        answer.user.len = (uint16_t)(USER_NAME_MAX + 1 + chance(9));
        break;
    default:
        answer.result = chance(2) ? IPC_ANSWER_RESULT_COUNT : chance(UINT32_MAX) | 8;
    }
    return say(role, helper, IPC_ANSWER, id, &answer, size, 0);
}

/* Meanwhile front and store read on: auth refuses all that waited for the helper. */
static void
expect_closed(struct role *role, struct helper *helper)
{
    static struct ipc_packet packet;
    struct pollfd readable[] = {
        {.fd = helper->fd, .events = POLLIN},
        {.fd = role->front, .events = POLLIN},
        {.fd = role->neighbour, .events = POLLIN}};
    while (!(readable[0].revents & (POLLHUP | POLLERR))) {
        if (poll(readable, 3, WAIT_MS) == 0)
            fail("the channel of a helper that breaks the rules stays open");
        while (hear(helper->fd, IPC_AUTH, IPC_SOURCE, &packet))
            continue; /* it is not going to answer */
        logins_listen(role);
    }
    role->closed++;
    helper_close(helper);
    helper_again(role, helper);
}

static void
helper_turn(struct role *role, struct helper *helper)
{
    if (chance(60) == 0) {
        (void)break_rules(role, helper);
        expect_closed(role, helper);
    } else if (chance(300) == 0) {
        if (chance(2))
            helper_close(helper);
        helper_again(role, helper);
    } else if (!helper->spoke && chance(4) == 0) {
        say_mode(role, helper);
    } else if (helper->count > helper->idle) {
        answer_any(role, helper);
    }
}

/* ---- the test ---- */

/* All helpers end, and every login must then have had its answer. They have successors. */
static void
settle(struct role *role)
{
    for (size_t i = 0; i < HELPERS; i++)
        helper_close(&helpers[i]);
    while (logins_counted()->awaited > 0) {
        struct pollfd readable[] = {
            {.fd = role->front, .events = POLLIN}, {.fd = role->neighbour, .events = POLLIN}};
        if (poll(readable, 2, WAIT_MS) == 0)
            fail("%u logins have no answer", logins_counted()->awaited);
        listen_to(role);
        role_check(role);
    }
    for (size_t i = 0; i < HELPERS; i++)
        helper_again(role, &helpers[i]);
}

/* A helper that answers nothing has so many questions; then nobody else waits for it. */
static void
check_limit(struct role *role)
{
    enum { MORE = 40 };
    struct helper *helper = &helpers[OF_PASSWORDS];
    struct ipc_source_mode mode = {0};
    helper->deaf = false;
    helper->spoke = true;
    (void)say(role, helper, IPC_SOURCE_MODE, 0, &mode, sizeof mode, 0);
    for (uint32_t i = 0; i < SOURCE_QUESTIONS_MAX + MORE; i++) {
        login_send(role, NAMES_IN_FILE);
        while (helper->count + logins_counted()->refused_temporary == i) {
            struct pollfd readable[] = {
                {.fd = role->front, .events = POLLIN}, {.fd = helper->fd, .events = POLLIN}};
            if (poll(readable, 2, WAIT_MS) == 0)
                fail("a login has neither a question nor an answer");
            listen_to(role);
        }
    }
    if (helper->count != SOURCE_QUESTIONS_MAX || logins_counted()->refused_temporary != MORE)
        fail("%u questions to a helper at a time", helper->count);
    settle(role);
    if (logins_counted()->refused_temporary != SOURCE_QUESTIONS_MAX + MORE)
        fail("a helper that has ended leaves logins behind");
}

static void
begin(struct role *role, const char *folder)
{
    struct ipc_auth_settings all = {
        .source_count = 3,
        .mechanisms = MECHANISMS_ALL & ~MECHANISM_BIT(MECHANISM_EXTERNAL),
        .failure_window_seconds = 1,
        .owner_processes = 1,
    };
    static struct ipc_auth_source sources[] = {
        {.kind = SOURCE_PASSWD_FILE}, {.kind = SOURCE_SQL}, {.kind = SOURCE_OAUTH2}};
    struct ipc_path *path = &sources[0].file;
    path->len = (uint16_t)snprintf(path->data, sizeof path->data, "%s/users.first", folder);
    logins_begin(path->data);
    role_begin(role, IPC_AUTH);
    tell(role, IPC_AUTH_SETTINGS, &all, sizeof all, NULL, 0);
    for (size_t i = 0; i < 3; i++)
        tell(role, IPC_AUTH_SOURCE, &sources[i], sizeof sources[i], NULL, 0);
    role->neighbour = connect_as(role, IPC_STORE, 0);
    role_started(role);
    front_again(role);
    for (size_t i = 0; i < HELPERS; i++) {
        helpers[i].fd = -1;
        helper_again(role, &helpers[i]);
    }
}

void
attack_source(uint64_t count, const char *folder)
{
    struct role role;
    begin(&role, folder);
    check_limit(&role);
    for (uint32_t turns = 1; role.sent < count; turns++) {
        login_send_any(&role);
        listen_to(&role);
        for (size_t i = 0; i < HELPERS; i++)
            for (uint32_t answers = chance(4); answers > 0; answers--)
                helper_turn(&role, &helpers[i]);
        if (turns % 1000 == 0)
            settle(&role);
        if (chance(2000) == 0 && role.front_number <= LOGINS_LOST_MAX)
            logins_lose(&role);
    }
    settle(&role);
    if (count > 4096 && (logins_counted()->by_file == 0 || logins_counted()->by_helper == 0))
        fail("nobody was let in");
    for (size_t i = 0; i < HELPERS; i++)
        helper_close(&helpers[i]);
    role_end(&role);
    (void)printf(
        "ok - source: %llu messages, its channel closed %llu times\n",
        (unsigned long long)role.sent, (unsigned long long)role.closed);
}
