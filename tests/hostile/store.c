/* Store: nothing but the granted maildrop is opened, handed out or removed. */
#include "hostile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SESSIONS = 64, MESSAGES = 20 };

static const char secret_text[] = "Subject: bob's\n\nnot for ann\n";

/* The one session at a time that auth has granted to this front, or none: SESSIONS. */
static uint64_t granted = SESSIONS;
static uint64_t next_session;

static void
make_maildrop(const char *folder, const char *user, const char *text)
{
    char path[4096];
    static const char *const parts[] = {"", "/tmp", "/new", "/cur"};
    for (size_t i = 0; i < 4; i++) {
        (void)snprintf(path, sizeof path, "%s/%s%s", folder, user, parts[i]);
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
            fail("cannot make '%s'", path);
    }
    for (int i = 0; i < MESSAGES; i++) {
        (void)snprintf(path, sizeof path, "%s/%s/new/%d.x", folder, user, 1000 + i);
        FILE *file = fopen(path, "we");
        if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0)
            fail("cannot write '%s'", path);
    }
}

static void
check_untouched(const char *folder)
{
    char path[4096];
    char text[sizeof secret_text];
    for (int i = 0; i < MESSAGES; i++) {
        (void)snprintf(path, sizeof path, "%s/bob/new/%d.x", folder, 1000 + i);
        FILE *file = fopen(path, "re");
        if (file == NULL || fgets(text, sizeof text, file) == NULL)
            fail("bob's mail was touched");
        (void)fclose(file);
    }
}

static void
settings(struct role *role, const char *folder)
{
    /* Of one owner: it counts what it has to do, and ends with the last of it. */
    struct ipc_store_settings all = {.engine = {.len = 7, .data = "maildir"}, .owned = 1};
    int len = snprintf(all.location.data, sizeof all.location.data, "%s/%%u", folder);
    all.location.len = (uint16_t)len;
    tell(role, IPC_STORE_SETTINGS, &all, sizeof all, NULL, 0);
}

/* As auth: this front may have ann's maildrop, and nobody has bob's. */
static void
grant(struct role *role)
{
    struct ipc_header header = {
        .type = IPC_OPEN, .number = role->front_number, .session = next_session};
    struct ipc_open open = {
        .uid = UINT32_MAX, .gid = UINT32_MAX, .user = {.len = 3, .data = "ann"}};
    granted = next_session;
    next_session = (next_session + 1) % SESSIONS;
    if (ipc_send_wait(role->neighbour, &header, &open, sizeof open, NULL, 0) != IPC_OK)
        fail("store does not listen to auth");
}

static void
check_descriptor(int fd)
{
    char text[256] = "";
    if (pread(fd, text, sizeof text - 1, 0) < 0)
        fail("a descriptor that cannot be read");
    if (strstr(text, "not for ann") != NULL)
        fail("bob's mail was handed out");
    if ((fcntl(fd, F_GETFL) & O_ACCMODE) != O_RDONLY)
        fail("a descriptor that can be written to");
}

/* True when the granted session has been answered. */
static bool
hear_answers(struct role *role)
{
    struct ipc_packet packet;
    bool answered = false;
    while (hear(role->front, IPC_STORE, IPC_FRONT, &packet)) {
        uint64_t session = packet.header.session;
        if (session >= SESSIONS)
            fail("an answer about a session that nobody granted");
        bool opened = packet.header.type == IPC_OPENED;
        answered |= (opened || packet.header.type == IPC_OPEN_REFUSED) && session == granted;
        for (size_t i = 0; i < packet.fd_count; i++)
            check_descriptor(packet.fds[i]);
        ipc_packet_finish(&packet);
    }
    return answered;
}

/* Mostly about the session that is open, in an order that is allowed. */
static bool
send_any(struct role *role, bool *open)
{
    uint64_t session = granted;
    struct ipc_fetch fetch = {.first = chance(MESSAGES), .count = 1};
    struct ipc_suspect suspect = {.index = chance(MESSAGES)};
    static struct ipc_marks marks;
    if (chance(200) == 0) { /* a forged handle */
        session =
            chance(2) ? chance(SESSIONS) : ((uint64_t)chance(UINT32_MAX) << 32 | chance(9));
        *open = false; /* the channel ends by it, or it was ours */
    }
    switch (chance(50)) {
    case 0:
        *open = false;
        return send_from_front(role, IPC_CLOSE, session, NULL, 0);
    case 1:
        marks.offset = chance(20) ? 0 : chance(UINT32_MAX);
        marks.len = chance(20) ? MESSAGES / 8 + 1 : chance(IPC_MARKS_MAX + 2);
        memset(marks.bits, 0, sizeof marks.bits);
        return send_from_front(
            role, IPC_MARKS, session, &marks,
            offsetof(struct ipc_marks, bits) +
                (marks.len <= IPC_MARKS_MAX ? marks.len : IPC_MARKS_MAX));
    case 2:
        return send_from_front(role, IPC_COMMIT, session, NULL, 0);
    case 3:
        return send_from_front(role, IPC_SUSPECT, session, &suspect, sizeof suspect);
    default:
        if (chance(2000) == 0)
            fetch = (struct ipc_fetch){chance(UINT32_MAX), chance(UINT32_MAX)};
        return send_from_front(role, IPC_FETCH, session, &fetch, sizeof fetch);
    }
}

void
attack_store(uint64_t count, const char *folder)
{
    struct role role;
    bool open = false;
    make_maildrop(folder, "ann", "Subject: ann's\n\n");
    make_maildrop(folder, "bob", secret_text);
    role_begin(&role, IPC_STORE);
    settings(&role, folder);
    role_started(&role);
    role.neighbour = connect_as(&role, IPC_AUTH, 0);
    front_again(&role);
    while (role.sent < count) {
        if (!open) {
            front_again(&role); /* what the old one had open is closed with it */
            grant(&role);
            struct ipc_packet packet;
            if (hear_soon(role.front, IPC_STORE, IPC_FRONT, &packet))
                ipc_packet_finish(&packet);
            open = true;
        }
        for (int i = 0; i < 32 && open; i++)
            open = send_any(&role, &open) && open;
        (void)hear_answers(&role);
        if (role.sent % 65536 < 32)
            role_check(&role);
    }
    role_let_go(&role);
    check_untouched(folder);
    (void)printf(
        "ok - store: %llu messages, its channel closed %llu times\n",
        (unsigned long long)role.sent, (unsigned long long)role.closed);
}
