/*
 * Messages between the roles: a body is read within its length only, and what is let through
 * has all its lengths in bounds and comes from who may say it. The first octets give type,
 * sender, receiver, descriptors and the size of the body (two octets); three octets each set
 * one octet of the body, which is zeros else: where (two octets), and to what.
 */
#include "ipc/messages.h"

#include "fuzz.h"

#include <pop/server.h>

static void
check_text(const struct ipc_text *text)
{
    CHECK(text->len <= sizeof text->data);
}

static void
check_path(const struct ipc_path *path)
{
    CHECK(path->len <= sizeof path->data);
}

static void
check_address(const struct network_address *address)
{
    CHECK(address->len == 0 || address->len == 4 || address->len == 16);
}

/* Each body's promises, written down a second time. */
static void
check_body(uint32_t type, const void *body, size_t size)
{
    switch ((enum ipc_type)type) {
    case IPC_FRONT_SETTINGS:
        check_text(&((const struct ipc_front_settings *)body)->hostname);
        break;
    case IPC_AUTH_SOURCE:
        check_path(&((const struct ipc_auth_source *)body)->file);
        break;
    case IPC_STORE_SETTINGS:
        check_text(&((const struct ipc_store_settings *)body)->engine);
        check_path(&((const struct ipc_store_settings *)body)->location);
        break;
    case IPC_BANNED:
        CHECK(((const struct ipc_banned *)body)->from.bits <= 128);
        check_address(&((const struct ipc_banned *)body)->from.address);
        break;
    case IPC_LISTENER:
        CHECK(((const struct ipc_listener *)body)->proxy_count <= PROXY_NETWORKS_MAX);
        break;
    case IPC_CHECK:
        check_address(&((const struct ipc_check *)body)->from);
        check_text(&((const struct ipc_check *)body)->user);
        break;
    case IPC_LOGIN:
        check_address(&((const struct ipc_login *)body)->from);
        check_text(&((const struct ipc_login *)body)->user);
        check_text(&((const struct ipc_login *)body)->password);
        break;
    case IPC_APOP:
        check_address(&((const struct ipc_apop *)body)->from);
        check_text(&((const struct ipc_apop *)body)->user);
        check_text(&((const struct ipc_apop *)body)->timestamp);
        check_text(&((const struct ipc_apop *)body)->digest);
        break;
    case IPC_SOURCE_OPTION:
        check_path(&((const struct ipc_source_option *)body)->value);
        break;
    case IPC_ASK:
        check_address(&((const struct ipc_ask *)body)->from);
        check_text(&((const struct ipc_ask *)body)->user);
        CHECK(((const struct ipc_ask *)body)->len <= IPC_SASL_MAX);
        break;
    case IPC_ANSWER:
        check_text(&((const struct ipc_answer *)body)->user);
        check_text(&((const struct ipc_answer *)body)->error);
        check_path(&((const struct ipc_answer *)body)->home);
        CHECK(((const struct ipc_answer *)body)->len <= IPC_PASSWORDS_MAX);
        break;
    case IPC_OPEN:
        check_text(&((const struct ipc_open *)body)->user);
        check_path(&((const struct ipc_open *)body)->home);
        break;
    case IPC_LOGIN_REFUSED:
    case IPC_OPEN_REFUSED:
        CHECK(((const struct ipc_refused *)body)->refusal < POP_REFUSAL_COUNT);
        break;
    case IPC_FETCH:
        CHECK(((const struct ipc_fetch *)body)->count - 1 < FETCH_BATCH_MAX);
        break;
    case IPC_FETCHED:
        CHECK(((const struct ipc_fetched *)body)->count - 1 < FETCH_BATCH_MAX);
        break;
    case IPC_MARKS:
        CHECK(((const struct ipc_marks *)body)->len <= IPC_MARKS_MAX);
        CHECK(size == offsetof(struct ipc_marks, bits) + ((const struct ipc_marks *)body)->len);
        break;
    default:
        break;
    }
}

/* The one way round: front asks, auth grants, store answers; parent sets up. */
static void
check_way(uint32_t type, unsigned from, unsigned to)
{
    CHECK(type < IPC_TYPE_COUNT && from != to);
    if (type == IPC_OPEN)
        CHECK(from == IPC_AUTH && to == IPC_STORE);
    if (from == IPC_FRONT)
        CHECK(
            to == IPC_PARENT ? type == IPC_READY || type == IPC_TAKEN
            : to == IPC_AUTH ? type >= IPC_CHECK && type <= IPC_SASL_CANCEL
            : to == IPC_KEYS ? type == IPC_SIGN
                             : type >= IPC_FETCH && type <= IPC_CLOSE);
    if (to == IPC_PARENT)
        CHECK(
            type == IPC_READY || (type == IPC_TAKEN && from == IPC_FRONT) ||
            (type == IPC_KEY_JUDGED && from == IPC_KEYS) ||
            ((type == IPC_BANNED || type == IPC_NEED_STORE) && from == IPC_AUTH) ||
            (type == IPC_IDLE && from == IPC_STORE));
    if (type == IPC_ASK || type == IPC_ANSWER)
        CHECK(from + to == IPC_AUTH + IPC_SOURCE); /* with nobody else */
    if (from == IPC_STORE && to != IPC_PARENT)
        CHECK(to == IPC_FRONT);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pop_view in = fuzz_view(data, size);
    uint32_t type = fuzz_octet(&in);
    unsigned from = fuzz_octet(&in) % IPC_ROLE_COUNT;
    unsigned to = fuzz_octet(&in) % IPC_ROLE_COUNT;
    size_t fds = fuzz_octet(&in);
    size_t body_size = fuzz_octet(&in) << 8;
    body_size |= fuzz_octet(&in);
    char *body = malloc(body_size); /* for 0: not one octet that may be read */
    CHECK(body != NULL);
    memset(body, 0, body_size);
    while (in.len >= 3) {
        size_t at = fuzz_octet(&in) << 8;
        at |= fuzz_octet(&in);
        unsigned octet = fuzz_octet(&in);
        if (at < body_size)
            body[at] = (char)octet;
    }

    bool valid =
        ipc_message_valid((enum ipc_role)from, (enum ipc_role)to, type, body, body_size, fds);
    if (valid) {
        CHECK(body_size <= IPC_BODY_MAX && fds <= FETCH_BATCH_MAX);
        check_way(type, from, to);
        check_body(type, body, body_size);
        /* All but a snapshot by value have exactly one size. */
        if (body_size > 0 && type != IPC_OPENED)
            CHECK(!ipc_message_valid(
                (enum ipc_role)from, (enum ipc_role)to, type, body, body_size - 1, fds));
    }
    for (int state = IPC_STATE_NONE; state <= IPC_STATE_COMMITTED; state++)
        if (ipc_message_allowed(type, (enum ipc_state)state))
            CHECK(
                (type >= IPC_FETCH && type <= IPC_CLOSE) || type == IPC_SIGN ||
                (type >= IPC_CHECK && type <= IPC_SASL_CANCEL));
    CHECK(ipc_type_name(type) != NULL);
    free(body);
    return 0;
}
