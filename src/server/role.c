/* The first steps of every role program. */
#include "server/role.h"

#include "base/check.h"
#include "base/log.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

void
role_start(enum ipc_role role)
{
    log_open(ipc_role_name(role));
    int type;
    socklen_t len = sizeof type;
    if (getsockopt(ROLE_CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        type != SOCK_SEQPACKET) {
        log_error("this program is started by restanted, not by hand");
        exit(EX_USAGE);
    }
    (void)close_range(ROLE_CONTROL_FD + 1, ~0u, 0); /* whatever else the parent may have had */
    /* No configuration file of OpenSSL's, which would be opened when it is first used; and no
     * clearing away at the end under the feet of threads that still run. */
    (void)OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL);
    (void)signal(SIGPIPE, SIG_IGN); /* a closed connection shows as EPIPE */
    /* A terminal sends these to the whole group; the parent ends us in its own order. */
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
}

bool
role_receive(enum ipc_role role, struct ipc_packet *packet)
{
    switch (ipc_receive(ROLE_CONTROL_FD, IPC_PARENT, role, packet)) {
    case IPC_OK:
        return true;
    case IPC_AGAIN:
        return false;
    case IPC_CLOSED:
        exit(EXIT_SUCCESS);
    case IPC_BAD:
    case IPC_NO_FDS:
        break;
    }
    BUG("the parent sends what the table says");
}

void
role_ready(void)
{
    struct ipc_header header = {.type = IPC_READY};
    (void)ipc_send(ROLE_CONTROL_FD, &header, NULL, 0, NULL, 0); /* a lost parent shows as EOF */
}
