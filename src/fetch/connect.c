/* Where a host name leads, and the way there. */
#include "fetch/connect.h"

#include "base/cleanup.h"
#include "net/address.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

static bool
is_loopback(const struct addrinfo *address)
{
    struct sockaddr_storage storage = {0};
    if (address->ai_addrlen > sizeof storage)
        return false;
    memcpy(&storage, address->ai_addr, address->ai_addrlen);
    return address_is_loopback(&storage);
}

static void
show_address(const struct addrinfo *address, char ret_text[ADDRESS_TEXT_MAX])
{
    struct sockaddr_storage storage = {0};
    memcpy(&storage, address->ai_addr, address->ai_addrlen);
    address_text(&storage, ret_text);
}

enum err_code
connect_resolve(const struct pop_url *url, struct addrinfo **ret_addresses, struct err *err)
{
    char port[8];
    (void)snprintf(port, sizeof port, "%u", url->port);
    struct addrinfo hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = AI_NUMERICSERV,
    };
    struct addrinfo *addresses;
    int result = getaddrinfo(url->host, port, &hints, &addresses);
    if (result == EAI_SYSTEM)
        return err_set(err, ERR_SYSTEM, "cannot look up '%s'", url->host);
    if (result != 0)
        return err_set(
            err, ERR_NOT_FOUND, "cannot find the host '%s': %s", url->host,
            gai_strerror(result));

    *ret_addresses = addresses;
    return ERR_OK;
}

bool
connect_stays_here(const struct addrinfo *addresses)
{
    for (const struct addrinfo *each = addresses; each != NULL; each = each->ai_next)
        if (!is_loopback(each))
            return false;
    return addresses != NULL;
}

enum account_tls
connect_protection(enum account_tls asked, const struct addrinfo *addresses)
{
    if (asked != ACCOUNT_TLS_AUTO)
        return asked;
    return connect_stays_here(addresses) ? ACCOUNT_TLS_OFF : ACCOUNT_TLS_STLS;
}

static enum err_code
unreachable(const struct addrinfo *address, struct err *err)
{
    char text[ADDRESS_TEXT_MAX];
    int number = errno;
    show_address(address, text);
    errno = number;
    return err_set(err, ERR_SYSTEM, "cannot connect to %s", text);
}

enum err_code
connect_begin(const struct addrinfo *address, int *ret_fd, struct err *err)
{
    int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    CLEANUP(fd_closep) int fd = socket(address->ai_family, type, address->ai_protocol);
    int on = 1;
    if (fd < 0)
        return unreachable(address, err);
    /* A command must not wait for the answer to the one before it. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(fd, address->ai_addr, address->ai_addrlen) != 0 && errno != EINPROGRESS)
        return unreachable(address, err);
    *ret_fd = fd;
    fd = -1;
    return ERR_OK;
}

enum err_code
connect_result(int fd, const struct addrinfo *address, struct err *err)
{
    int number = 0;
    socklen_t len = sizeof number;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0)
        number = errno;
    errno = number;
    return number == 0 ? ERR_OK : unreachable(address, err);
}
