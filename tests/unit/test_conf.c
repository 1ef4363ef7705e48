/* The configuration: what is read, and how each mistake is refused. */
#include "base/err.h"
#include "conf/conf.h"
#include "conf/option.h"
#include "conf/template.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MINIMAL                                                                                \
    "listen \"pop\" { address = \"127.0.0.1:1110\" }\n"                                        \
    "auth \"passwd-file\" { file = \"users\" }\n"                                              \
    "store \"maildir\" { path = \"mail/%u\" }\n"

/* The folder of the test, and the name of the file in it. */
struct place {
    char folder[PATH_MAX];
    char file[PATH_MAX + 16];
};

static int
place_make(void **state)
{
    struct place *place = calloc(1, sizeof *place);
    char template[] = "/tmp/restante-conf-XXXXXX";
    if (place == NULL || mkdtemp(template) == NULL || realpath(template, place->folder) == NULL)
        return -1;
    (void)snprintf(place->file, sizeof place->file, "%s/x.conf", place->folder);
    *state = place;
    return 0;
}

static int
place_remove(void **state)
{
    struct place *place = *state;
    (void)unlink(place->file);
    (void)rmdir(place->folder);
    free(place);
    return 0;
}

static void
file_write(const char *path, const char *text, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), (ssize_t)len);
    assert_int_equal(close(fd), 0);
}

static enum err_code
load(struct place *place, const char *text, struct conf *conf, struct err *err)
{
    *err = (struct err){0};
    file_write(place->file, text, strlen(text));
    return conf_load(place->file, conf, err);
}

static void
assert_loads(struct place *place, const char *text, struct conf *conf)
{
    struct err err;
    if (load(place, text, conf, &err) != ERR_OK)
        fail_msg("%s\nis refused: %s", text, err.text);
}

/* `said` is what follows the name of the file. */
static void
assert_refused(struct place *place, const char *text, const char *said)
{
    struct err err;
    struct conf conf = {.fronts = 77};
    enum err_code code = load(place, text, &conf, &err);
    if (code != ERR_INVALID)
        fail_msg("%s\nis not refused, wanted: %s", text, said);
    assert_int_equal(conf.fronts, 77); /* untouched */
    assert_int_equal(err.code, ERR_INVALID);
    assert_memory_equal(err.text, place->file, strlen(place->file));
    assert_string_equal(err.text + strlen(place->file), said);
}

static void
least_configuration_has_the_defaults(void **state)
{
    struct place *place = *state;
    struct conf conf;
    assert_loads(place, MINIMAL, &conf);

    assert_int_equal(conf.listener_count, 1);
    assert_string_equal(conf.listeners[0].name, "pop");
    assert_string_equal(conf.listeners[0].address.text, "127.0.0.1:1110");
    assert_int_equal(conf.listeners[0].transport, CONF_TRANSPORT_PLAIN);
    const struct sockaddr_in *address = (const void *)&conf.listeners[0].address.socket;
    assert_int_equal(conf.listeners[0].address.len, sizeof *address);
    assert_int_equal(address->sin_family, AF_INET);
    assert_int_equal(ntohs(address->sin_port), 1110);
    assert_int_equal(ntohl(address->sin_addr.s_addr), INADDR_LOOPBACK);

    assert_int_equal(conf.plaintext_login, CONF_PLAINTEXT_LOOPBACK);
    assert_int_equal(conf.unknown_user, CONF_UNKNOWN_USER_AFTER_PASSWORD);
    assert_int_equal(conf.isolation, CONF_ISOLATION_SHARED);
    assert_int_equal(conf.first_uid, 1000);
    assert_int_equal(conf.store.owner, CONF_OWNER_STORE);
    assert_int_equal(conf.limits.owner_idle_seconds, 60);
    assert_int_equal(conf.fronts, 0);
    assert_true(strlen(conf.hostname) > 0);
    assert_string_equal(conf.user_front.text, "restante-front");
    assert_string_equal(conf.user_auth.text, "restante-auth");
    assert_string_equal(conf.user_store.text, "restante");
    assert_false(conf.user_front.set || conf.user_auth.set || conf.user_store.set);

    assert_int_equal(conf.limits.connections, 20000);
    assert_int_equal(conf.limits.per_address, 100);
    assert_int_equal(conf.limits.sessions_per_user, 4);
    assert_int_equal(conf.limits.login_seconds, 60);
    assert_int_equal(conf.limits.idle_seconds, 600);
    assert_int_equal(conf.limits.reader_octets, 65536);
    assert_int_equal(conf.limits.mistakes_per_session, 100);
    assert_int_equal(conf.limits.commands_before_login, 100);
    assert_int_equal(conf.limits.failure_delay_ms, 1000);
    assert_int_equal(conf.limits.failure_delay_max_ms, 15000);
    assert_int_equal(conf.limits.failures_per_address, 60);
    assert_int_equal(conf.limits.failure_window_seconds, 600);
    assert_int_equal(conf.store.owner, CONF_OWNER_STORE);
    assert_int_equal(conf.first_uid, 1000);
    assert_int_equal(conf.limits.owner_idle_seconds, 60);
    assert_int_equal(conf.limits.owner_processes, 1024);
    assert_null(conf.ban_command);
    assert_int_equal(conf.warning_count, 0);
    conf_finish(&conf);
}

/* As text, each with a blank behind it. */
static void
assert_networks(const struct conf_networks *networks, const char *wanted)
{
    char all[PROXY_NETWORKS_MAX * (NETWORK_TEXT_MAX + 1) + 1] = "";
    size_t len = 0;
    for (size_t i = 0; i < networks->count; i++) {
        char text[NETWORK_TEXT_MAX];
        assert_true(network_is_valid(&networks->networks[i]));
        network_text(&networks->networks[i], text);
        len += (size_t)snprintf(all + len, sizeof all - len, "%s ", text);
    }
    assert_string_equal(all, wanted);
}

static void
every_option_reaches_its_field(void **state)
{
    struct place *place = *state;
    struct conf conf;
    assert_loads(
        place,
        "hostname = \"pop.example.org\"\n"
        "listen \"a\" { address = \"[::1]:110\" tls = \"none\" }\n"
        "listen \"b\" { address = '0.0.0.0:65535'\n"
        "             proxy = \" 10.0.0.0/8  192.0.2.7 2001:db8:8000::/33 0.0.0.0/0 \" }\n"
        "ban-command = \"/bin/ban\"\n"
        "plaintext-login = \"always\" unknown-user = at-user\n"
        "auth \"passwd-file\" { file = \"/etc/users\" }\n"
        "store \"memory\" { path = \"%h/x%%/%n@%d\" owner = \"user\" } first-uid = 500\n"
        "fronts = 256 isolation = \"shared\"\n"
        "user-front = \"a:b\" user-auth = \"1\" user-store = \"5000:5000\"\n"
        "limits { connections = 1 per-address = 2 sessions-per-user = 3\n"
        "         login-seconds = 4 idle-seconds = 1000 failure-delay-ms = 0\n"
        "         reader-octets = 5 mistakes-per-session = 6 commands-before-login = 7\n"
        "         failure-delay-max-ms = 8 failures-per-address = 9\n"
        "         failure-window-seconds = 10 owner-idle-seconds = 11 owner-processes = 12 }\n",
        &conf);
    assert_string_equal(conf.hostname, "pop.example.org");
    assert_int_equal(conf.listener_count, 2);
    const struct sockaddr_in6 *address = (const void *)&conf.listeners[0].address.socket;
    assert_int_equal(conf.listeners[0].address.len, sizeof *address);
    assert_int_equal(address->sin6_family, AF_INET6);
    assert_int_equal(ntohs(address->sin6_port), 110);
    assert_memory_equal(&address->sin6_addr, &in6addr_loopback, sizeof in6addr_loopback);
    assert_string_equal(conf.listeners[1].name, "b");
    assert_int_equal(conf.listeners[0].proxies.count, 0);
    assert_networks(
        &conf.listeners[1].proxies, "10.0.0.0/8 192.0.2.7 2001:db8:8000::/33 0.0.0.0/0 ");
    assert_string_equal(conf.ban_command, "/bin/ban");
    assert_int_equal(conf.plaintext_login, CONF_PLAINTEXT_ALWAYS);
    assert_int_equal(conf.unknown_user, CONF_UNKNOWN_USER_AT_USER);
    assert_int_equal(conf.auth_count, 1);
    assert_string_equal(conf.auths[0].title, "passwd-file");
    assert_string_equal(conf.auths[0].values[SOURCE_FILE], "/etc/users");
    assert_string_equal(conf.store.engine, "memory");
    assert_string_equal(conf.store.path, "%h/x%%/%n@%d");
    assert_int_equal(conf.fronts, 256);
    assert_true(conf.user_front.set && conf.user_auth.set && conf.user_store.set);
    assert_string_equal(conf.user_front.text, "a:b");
    assert_string_equal(conf.user_auth.text, "1");
    assert_string_equal(conf.user_store.text, "5000:5000");
    assert_int_equal(conf.limits.connections, 1);
    assert_int_equal(conf.limits.per_address, 2);
    assert_int_equal(conf.limits.sessions_per_user, 3);
    assert_int_equal(conf.limits.login_seconds, 4);
    assert_int_equal(conf.limits.idle_seconds, 1000);
    assert_int_equal(conf.limits.failure_delay_ms, 0);
    assert_int_equal(conf.limits.reader_octets, 5);
    assert_int_equal(conf.limits.mistakes_per_session, 6);
    assert_int_equal(conf.limits.commands_before_login, 7);
    assert_int_equal(conf.limits.failure_delay_max_ms, 8);
    assert_int_equal(conf.limits.failures_per_address, 9);
    assert_int_equal(conf.limits.failure_window_seconds, 10);
    assert_int_equal(conf.store.owner, CONF_OWNER_USER);
    assert_int_equal(conf.first_uid, 500);
    assert_int_equal(conf.limits.owner_idle_seconds, 11);
    assert_int_equal(conf.limits.owner_processes, 12);
    conf_finish(&conf);
}

static void
relative_paths_start_at_the_file(void **state)
{
    struct place *place = *state;
    struct conf conf;
    char wanted[PATH_MAX + 32];
    assert_loads(place, MINIMAL, &conf);
    (void)snprintf(wanted, sizeof wanted, "%s/users", place->folder);
    assert_string_equal(conf.auths[0].values[SOURCE_FILE], wanted);
    (void)snprintf(wanted, sizeof wanted, "%s/mail/%%u", place->folder);
    assert_string_equal(conf.store.path, wanted);
    conf_finish(&conf);
}

/* Its name must not be read as part of the template. */
static void
percent_in_the_folder_stands_for_itself(void **state)
{
    struct place *place = *state;
    struct place below;
    struct conf conf;
    char wanted[2 * PATH_MAX];
    (void)snprintf(below.folder, sizeof below.folder, "%.4000s/50%%u", place->folder);
    (void)snprintf(below.file, sizeof below.file, "%s/x.conf", below.folder);
    assert_int_equal(mkdir(below.folder, 0700), 0);
    assert_loads(&below, MINIMAL, &conf);
    (void)snprintf(wanted, sizeof wanted, "%s/50%%%%u/mail/%%u", place->folder);
    assert_string_equal(conf.store.path, wanted);
    (void)snprintf(wanted, sizeof wanted, "%s/50%%u/users", place->folder);
    assert_string_equal(conf.auths[0].values[SOURCE_FILE], wanted);
    conf_finish(&conf);
    (void)unlink(below.file);
    (void)rmdir(below.folder);
}

/* Each text alone is the whole file; or it follows MINIMAL, which has three lines. */
static const struct mistake {
    const char *text;
    const char *said;
} whole_files[] =
    {
        {"", ":1: nothing to listen on: add listen \"pop\" { address = \"127.0.0.1:110\" }"},
        {"# nothing\n\n",
         ":3: nothing to listen on: add listen \"pop\" { address = \"127.0.0.1:110\" }"},
        {"listen \"pop\" { address = \"127.0.0.1:1110\" }",
         ":1: no source of users: add auth \"passwd-file\" { file = \"users\" }"},
        {"listen \"pop\" { address = \"127.0.0.1:1110\" }\nauth \"passwd-file\" { file = \"u\" "
         "}",
         ":2: no place for mail: add store \"maildir\" { path = \"mail/%u\" }"},
},
  added[] = {
      /* names */
      {"hostnam = \"a\"", ":4: unknown option 'hostnam', did you mean 'hostname'?"},
      {"\n\nhsotname = \"a\"", ":6: unknown option 'hsotname', did you mean 'hostname'?"},
      {"listne \"x\" { }", ":4: unknown option 'listne', did you mean 'listen'?"},
      {"Fronts = 1", ":4: unknown option 'Fronts', did you mean 'fronts'?"},
      {"plaintext_login = \"never\"",
       ":4: unknown option 'plaintext_login', did you mean 'plaintext-login'?"},
      {"banana = 1", ":4: unknown option 'banana'; --help-config lists what there is"},
      {"idle-seconds = 700", ":4: 'idle-seconds' belongs in the section 'limits'"},
      {"limits {\n  conections = 5\n}",
       ":5: unknown option 'conections', did you mean 'connections'?"},
      {"listen \"x\" { port = 110 }",
       ":4: unknown option 'port' in 'listen', which can have address, tls, "
       "proxy"},
      {"limits {\n connections = 1\nhostname = \"x\"",
       ":6: 'hostname' does not belong in a section; is the } of 'limits' missing before it?"},
      {"\"limits|connections\" = 5", ":4: 'connections' belongs in the section 'limits'"},
      {"include(\"other.conf\")", ":4: unexpected '('; a value with it needs quotes"},
      /* values */
      {"fronts = \"many\"",
       ":4: fronts = \"many\" is not valid: a whole number from 0 to 256 is needed"},
      {"fronts = 257",
       ":4: fronts = \"257\" is not valid: a whole number from 0 to 256 is needed"},
      {"fronts = -1",
       ":4: fronts = \"-1\" is not valid: a whole number from 0 to 256 is needed"},
      {"fronts = 0x10",
       ":4: fronts = \"0x10\" is not valid: a whole number from 0 to 256 is needed"},
      {"fronts = \"\"",
       ":4: fronts = \"\" is not valid: a whole number from 0 to 256 is needed"},
      {"limits { connections = 4294967297 }", ":4: connections = \"4294967297\" is not valid: "
                                              "a whole number from 0 to 1000000 is needed"},
      {"plaintext-login = \"sometimes\"",
       ":4: plaintext-login = \"sometimes\" is not valid: it can be \"never\", \"loopback\", "
       "\"always\""},
      {"unknown-user = \"never\"",
       ":4: unknown-user = \"never\" is not valid: it can be \"after-password\", \"at-user\""},
      {"isolation = \"user\"",
       ":4: isolation = \"user\" is not valid: it can be \"shared\", \"connection\""},
      {"hostname = \"my host\"", ":4: hostname = \"my host\" is not valid: a host name has "
                                 "letters, digits, '-' and '.', at "
                                 "most 255"},
      {"user-store = \"a:\"",
       ":4: user-store = \"a:\" is not valid: \"user\" or \"user:group\" is needed, names or "
       "numbers"},
      {"listen \"x\" { address = \"localhost:110\" }",
       ":4: address = \"localhost:110\" is not valid: an address and a port are needed, like "
       "\"127.0.0.1:110\" or \"[::1]:110\""},
      {"listen \"x\" { address = \"127.0.0.1\" }",
       ":4: address = \"127.0.0.1\" is not valid: an address and a port are needed, like "
       "\"127.0.0.1:110\" or \"[::1]:110\""},
      {"listen \"x\" { address = \"[::1]:65536\" }",
       ":4: address = \"[::1]:65536\" is not valid: an address and a port are needed, like "
       "\"127.0.0.1:110\" or \"[::1]:110\""},
      {"listen \"x\" { address = \"127.1:110\" }",
       ":4: address = \"127.1:110\" is not valid: an address and a port are needed, like "
       "\"127.0.0.1:110\" or \"[::1]:110\""},
      {"listen \"x\" { address = \"[::1]:0\" }",
       ":4: address = \"[::1]:0\" is not valid: an address and a port are needed, like "
       "\"127.0.0.1:110\" or \"[::1]:110\""},
      {"listen \"x\" { proxy = \"\" address = \"[::1]:1\" }",
       ":4: proxy = \"\" is not valid: networks are needed, like \"10.0.0.0/8 ::1\""},
      {"listen \"x\" {\nproxy = \"10.0.0.0/8 10.1.0.0/8\" address = \"[::1]:1\" }",
       ":5: proxy: \"10.1.0.0/8\" is not valid: the address has bits behind those that the / "
       "leaves"},
      {"listen \"x\" { proxy = \"::/129\" }",
       ":4: proxy: \"::/129\" is not valid: what follows the / is 0 to 128"},
      {"listen \"x\" { proxy = \"10.0.0.0/33\" }",
       ":4: proxy: \"10.0.0.0/33\" is not valid: what follows the / is 0 to 32"},
      {"listen \"x\" { proxy = \"10.0.0.0/+8\" }",
       ":4: proxy: \"10.0.0.0/+8\" is not valid: what follows the / is 0 to 32"},
      {"listen \"x\" { proxy = \"10.0.0.0/\" }",
       ":4: proxy: \"10.0.0.0/\" is not valid: what follows the / is 0 to 32"},
      {"listen \"x\" { proxy = \"proxy.example.org\" }",
       ":4: proxy: \"proxy.example.org\" is not valid: an address is needed, like "
       "192.0.2.0/24 or 2001:db8::/32"},
      {"limits { failure-window-seconds = 0 }",
       ":4: failure-window-seconds = \"0\" is not valid: a whole number from 1 to 604800 is "
       "needed"},
      /* sections */
      {"listen \"x\" {\n}",
       ":5: listen \"x\" has no address: \"127.0.0.1:110\" or \"[::1]:110\" or "
       "0.0.0.0 or [::] for all"},
      {"listen \"pop\" { address = \"127.0.0.1:2\" }",
       ":4: there is already a section with the title 'pop'"},
      {"listen \"x\" { address = \"127.0.0.1:1110\" }",
       ":4: listen \"x\" has the address of \"pop\""},
      {"listen \"\" { address = \"127.0.0.1:2\" }",
       ":4: a section 'listen' needs a title that is not empty"},
      {"listen { address = \"127.0.0.1:2\" }",
       ":4: a section 'listen' needs a title in quotes before its {"},
      {"auth \"pasword-file\" { file = \"x\" }",
       ":4: unknown kind \"pasword-file\" of 'auth': it can be \"passwd-file\", "
       "\"pam\", \"checkpassword\", \"ldap\", \"sql\", \"oauth2\""},
      {"store \"memory\" { path = \"%u\" }", ":4: too many sections 'store': 1 at most"},
      {"store = \"maildir\"", ":4: a section 'store' needs a title in quotes before its {"},
      {"limits = 5", ":4: 'limits' is a section: a { is needed here"},
      {"hostname { }", ":4: after 'hostname' an equal sign and a value are needed"},
      {"fronts = 1\nfronts = 2", ":5: 'fronts' is set twice, first on line 4"},
      /* TLS and SASL */
      {"listen \"x\" { address = \"127.0.0.1:2\" tls = \"implicit\" }",
       ":4: listen \"x\" speaks TLS, but there is no certificate: add "
       "tls { certificate = \"tls.crt\" key = \"tls.key\" }"},
      {"tls {\n certificate = \"tls.crt\"\n}",
       ":6: tls has no key: a PEM file with the private key, not encrypted; may be root's "
       "alone"},
      {"tls { }",
       ":4: tls has no certificate: a PEM file: the server's own certificate, then those above "
       "it"},
      {"mechanisms = \"PLAIN SCRAM-SHA-512\"",
       ":4: mechanisms: there is no mechanism 'SCRAM-SHA-512'; there are SCRAM-SHA-256-PLUS "
       "SCRAM-SHA-256 SCRAM-SHA-1-PLUS SCRAM-SHA-1 CRAM-MD5 OAUTHBEARER XOAUTH2 PLAIN LOGIN "
       "EXTERNAL"},
      {"mechanisms = \"\"",
       ":4: mechanisms = \"\" is not valid: \"auto\" or the names of mechanisms are needed"},
      /* syntax */
      {"hostname = \"a\n", ":4: a string is not closed on its line: \" is missing"},
      {"hostname = 'a", ":4: a string is not closed on its line: ' is missing"},
      {"hostname = \"a\\n\"", ":4: after a backslash only \\ or \" may follow"},
      {"hostname = \"a\\\n\"", ":4: after a backslash only \\ or \" may follow"},
      {"hostname = \"${HOME}\"", ":4: '${...}' is not replaced by anything; write the value"},
      {"hostname = ${HOME}", ":4: unexpected '$'; a value with it needs quotes"},
      {"hostname = \"a\1\"", ":4: unexpected character 0x01"},
      {"hostname = \xc3\xa9", ":4: unexpected character 0xc3; a value with it needs quotes"},
      {"fronts = 1, 2", ":4: unexpected ','; a value with it needs quotes"},
      {"fronts += 1", ":4: unexpected '+'; a value with it needs quotes"},
      {"fronts =\n}", ":5: unexpected token '}'"},
      {"fronts =", ":4: premature end of file"},
      {"}", ":4: unexpected closing brace"},
      {"\n'' = 1", ":5: an option without a name, here or in the section that begins here"},
      {"\"\" { }", ":4: an option without a name, here or in the section that begins here"},
      {"\nlimits {\n'' = 1\n}",
       ":5: an option without a name, here or in the section that begins here"},
      {"'limits|' = 1",
       ":4: an option without a name, here or in the section that begins here"},
      {"limits {\n\n", ":4: the section is not closed: } is missing"},
      {"/* no end\n\n", ":4: the comment is not closed: */ is missing"},
      {"/*/ fronts = 1", ":4: the comment is not closed: */ is missing"},
      {"/* one\n two */ # three\n// four\nfrnts = 1",
       ":7: unknown option 'frnts', did you mean 'fronts'?"},
      {"a\rb", ":4: unexpected character 0x0d"},
};

static void
every_mistake_is_told_with_file_and_line(void **state)
{
    struct place *place = *state;
    for (size_t i = 0; i < sizeof whole_files / sizeof *whole_files; i++)
        assert_refused(place, whole_files[i].text, whole_files[i].said);
    for (size_t i = 0; i < sizeof added / sizeof *added; i++) {
        char text[1024];
        (void)snprintf(text, sizeof text, "%s%s", MINIMAL, added[i].text);
        assert_refused(place, text, added[i].said);
    }
}

static void
bad_path_templates_are_refused(void **state)
{
    static const struct mistake mistakes[] = {
        {"", "a path is needed"},
        {"mail/%", "a '%' at the end stands for nothing; write '%%'"},
        {"mail/%%%", "a '%' at the end stands for nothing; write '%%'"},
        {"mail/%x",
         "unknown '%x': %u is the user, %n the local part, %d the domain, %h the home, %% a "
         "percent sign"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        char text[256], said[256];
        (void)snprintf(
            text, sizeof text, "store\n\"maildir\" {\npath = \"%s\" }", mistakes[i].text);
        (void)snprintf(
            said, sizeof said, ":3: path = \"%s\" is not valid: %s", mistakes[i].text,
            mistakes[i].said);
        assert_refused(*state, text, said);
    }
}

static void
crlf_comments_and_missing_final_newline_are_read(void **state)
{
    struct conf conf;
    assert_loads(
        *state,
        "// a\r\n/* b { \" */\r\nlisten \"pop\" { # c }\r\n\taddress = [::]:110 }\r\n"
        "auth \"passwd-file\" { file = a//b }\r\n"
        "store maildir { path = \"it's \\\"m\\\\ail\\\" # // %u\" }",
        &conf);
    assert_non_null(strstr(conf.store.path, "/it's \"m\\ail\" # // %u"));
    assert_non_null(strstr(conf.auths[0].values[SOURCE_FILE], "/a//b"));
    conf_finish(&conf);
}

static void
nul_is_refused_and_does_not_cut_the_file(void **state)
{
    struct place *place = *state;
    static const char text[] = MINIMAL "\0banana = 1\n";
    struct conf conf;
    struct err err;
    file_write(place->file, text, sizeof text - 1);
    assert_int_equal(conf_load(place->file, &conf, &err), ERR_INVALID);
    assert_string_equal(err.text + strlen(place->file), ":4: unexpected character 0x00");
}

static void
very_long_names_and_values_are_refused_in_short(void **state)
{
    struct place *place = *state;
    char text[20000];
    (void)snprintf(text, sizeof text, "%s%0*d = 1", MINIMAL, 9000, 7);
    struct conf conf;
    struct err err;
    assert_int_equal(load(place, text, &conf, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, ":4: unknown option '0000"));
    (void)snprintf(text, sizeof text, "%shostname = %0*d", MINIMAL, 9000, 7);
    assert_int_equal(load(place, text, &conf, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "0000\" is not valid: a host name has"));
    (void)snprintf(
        text, sizeof text,
        "listen \"a\" { address = \"127.0.0.1:1\" }\nauth \"passwd-file\" {\n"
        "file = \"%0*d\" }",
        5000, 7);
    assert_int_equal(load(place, text, &conf, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, ":3: file: the path has more than 4095 octets"));
}

static void
endless_file_is_refused(void **state)
{
    (void)state;
    struct conf conf;
    struct err err;
    assert_int_equal(conf_load("/dev/zero", &conf, &err), ERR_INVALID);
    assert_string_equal(
        err.text, "/dev/zero:1: longer than 262144 octets: this is no configuration");
}

static void
unreadable_file_is_refused_with_the_reason(void **state)
{
    struct place *place = *state;
    struct conf conf;
    struct err err;
    char wanted[2 * PATH_MAX];
    assert_int_equal(conf_load(place->file, &conf, &err), ERR_SYSTEM);
    assert_int_equal(err.number, ENOENT);
    (void)snprintf(
        wanted, sizeof wanted, "cannot open configuration '%s': No such file or directory",
        place->file);
    assert_string_equal(err.text, wanted);
    assert_int_equal(conf_load(place->folder, &conf, &err), ERR_SYSTEM);
    assert_int_equal(err.number, EISDIR);
}

static void
short_idle_time_and_shared_maildrop_are_warned_about(void **state)
{
    struct place *place = *state;
    struct conf conf;
    assert_loads(
        place,
        "listen \"pop\" { address = \"127.0.0.1:1110\" }\nauth \"passwd-file\" { file = \"u\" "
        "}\n"
        "store \"maildir\" { path = \"mail/%d\" }\nlimits {\nidle-seconds = 599 }\n",
        &conf);
    assert_int_equal(conf.warning_count, 2);
    assert_non_null(strstr(conf.warnings[0], "x.conf:5: idle-seconds is less than the ten"));
    assert_non_null(strstr(conf.warnings[1], "x.conf:3: the path has no %u, %n or %h"));
    conf_finish(&conf);

    assert_loads(place, MINIMAL "limits { idle-seconds = 0 }", &conf);
    assert_int_equal(conf.warning_count, 0);
    conf_finish(&conf);
}

/* libconfuse's messages are translated where there is a catalogue; ours are found by them. */
static void
messages_do_not_depend_on_the_locale(void **state)
{
    assert_non_null(setlocale(LC_ALL, "C.UTF-8"));
    (void)setenv("LANGUAGE", "de", 1);
    assert_refused(
        *state, MINIMAL "hostnam = \"a\"",
        ":4: unknown option 'hostnam', did you mean 'hostname'?");
    (void)unsetenv("LANGUAGE");
    (void)setlocale(LC_ALL, "C");
}

static void
distance_counts_edits_and_swaps(void **state)
{
    (void)state;
    assert_int_equal(conf_distance("", ""), 0);
    assert_int_equal(conf_distance("abc", "abc"), 0);
    assert_int_equal(conf_distance("abc", ""), 3);
    assert_int_equal(conf_distance("", "abc"), 3);
    assert_int_equal(conf_distance("abc", "acb"), 1);
    assert_int_equal(conf_distance("abcd", "abd"), 1);
    assert_int_equal(conf_distance("abd", "abcd"), 1);
    assert_int_equal(conf_distance("kitten", "sitting"), 3);
}

static void
list_names_every_option_that_can_be_set(void **state)
{
    (void)state;
    char *list = NULL;
    size_t len;
    FILE *out = open_memstream(&list, &len);
    assert_non_null(out);
    conf_options_print(out);
    assert_int_equal(fclose(out), 0);
    for (const struct conf_option *option = conf_options; option->name != NULL; option++)
        assert_non_null(strstr(list, option->name));
    assert_non_null(strstr(list, "    idle-seconds = 0 to 604800\n        between commands"));
    free(list);
}

/* Also with every option that is commented out in it put in force. */
static void
example_is_read_and_shows_the_defaults(void **state)
{
    struct place *place = *state;
    struct conf conf, uncommented;
    struct err err;
    if (conf_load(EXAMPLE_CONF, &conf, &err) != ERR_OK)
        fail_msg("%s", err.text);
    assert_int_equal(conf.warning_count, 0);

    char text[16384];
    size_t len = 0;
    FILE *example = fopen(EXAMPLE_CONF, "re");
    assert_non_null(example);
    for (int c = fgetc(example); c != EOF && len < sizeof text - 1; c = fgetc(example))
        text[len++] = (char)c;
    text[len] = '\0';
    (void)fclose(example);
    unsigned shown = 0;
    for (const struct conf_option *option = conf_options; option->name != NULL; option++) {
        char pattern[64];
        (void)snprintf(pattern, sizeof pattern, "# %s ", option->name);
        char *found = strstr(text, pattern);
        if (option->fallback == NULL || found == NULL)
            continue;
        found[0] = ' ';
        shown++;
    }
    assert_int_equal(shown, 28);
    assert_loads(place, text, &uncommented);
    assert_memory_equal(&conf.limits, &uncommented.limits, sizeof conf.limits);
    assert_int_equal(conf.plaintext_login, uncommented.plaintext_login);
    assert_int_equal(conf.unknown_user, uncommented.unknown_user);
    assert_int_equal(conf.fronts, uncommented.fronts);
    assert_int_equal(conf.first_uid, uncommented.first_uid);
    assert_string_equal(conf.user_front.text, uncommented.user_front.text);
    assert_string_equal(conf.user_auth.text, uncommented.user_auth.text);
    assert_string_equal(conf.user_store.text, uncommented.user_store.text);
    conf_finish(&uncommented);
    conf_finish(&conf);
}

static void
file_cut_anywhere_is_read_or_refused_with_its_line(void **state)
{
    struct place *place = *state;
    static const char text[] =
        "/* a */ hostname = \"b.c\"\n" MINIMAL "limits { connections = 5 }";
    for (size_t len = 0; len < sizeof text; len++) {
        struct conf conf;
        struct err err;
        file_write(place->file, text, len);
        if (conf_load(place->file, &conf, &err) == ERR_OK) {
            conf_finish(&conf);
            continue;
        }
        assert_int_equal(err.code, ERR_INVALID);
        assert_memory_equal(err.text, place->file, strlen(place->file));
        assert_int_equal(err.text[strlen(place->file)], ':');
    }
}

int
main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, place_make, place_remove)
    const struct CMUnitTest tests[] = {
        CASE(least_configuration_has_the_defaults),
        CASE(every_option_reaches_its_field),
        CASE(relative_paths_start_at_the_file),
        CASE(percent_in_the_folder_stands_for_itself),
        CASE(every_mistake_is_told_with_file_and_line),
        CASE(bad_path_templates_are_refused),
        CASE(crlf_comments_and_missing_final_newline_are_read),
        CASE(nul_is_refused_and_does_not_cut_the_file),
        CASE(very_long_names_and_values_are_refused_in_short),
        CASE(endless_file_is_refused),
        CASE(unreadable_file_is_refused_with_the_reason),
        CASE(short_idle_time_and_shared_maildrop_are_warned_about),
        CASE(messages_do_not_depend_on_the_locale),
        CASE(distance_counts_edits_and_swaps),
        CASE(list_names_every_option_that_can_be_set),
        CASE(example_is_read_and_shows_the_defaults),
        CASE(file_cut_anywhere_is_read_or_refused_with_its_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
