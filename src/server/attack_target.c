/* What the attack acts on, made before the sandbox: maildrops, sockets, another process. */
#include "server/attack.h"
#include "server/attack_act.h"

#include <dirent.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What acts make begins so; other roles are trying theirs at the same time. */
#define TRIAL "restante-attack-"

/* The first entry of the folder that was there before, or nothing. */
static void
set_first(const char *folder, const char *below, char ret_path[PATH_LEN_MAX])
{
    char path[PATH_LEN_MAX];
    (void)snprintf(path, sizeof path, "%s%s", folder, below);
    ret_path[0] = '\0';
    DIR *entries = opendir(path);
    if (entries == NULL)
        return;
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
        if (entry->d_name[0] != '.' && strncmp(entry->d_name, TRIAL, sizeof TRIAL - 1) != 0 &&
            snprintf(ret_path, PATH_LEN_MAX, "%s/%s", path, entry->d_name) < (int)PATH_LEN_MAX)
            break;
    (void)closedir(entries);
}

/* Does nothing until its parent is gone. */
static pid_t
start_victim(void)
{
    pid_t victim = fork();
    if (victim != 0)
        return victim;
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && getppid() != 1)
        for (;;)
            (void)pause();
    _exit(0);
}

bool
attack_target_make(struct target *t, enum ipc_role role)
{
    const char *value = getenv(ATTACK_VARIABLE);
    const char *mail = strchr(value, '\n');
    if (mail == NULL)
        return false;
    *t = (struct target){
        .role = role, .parent = getppid(), .page_size = (size_t)sysconf(_SC_PAGESIZE)};
    (void)snprintf(t->users, sizeof t->users, "%.*s", (int)(mail - value), value);
    memcpy(t->users_folder, t->users, sizeof t->users);
    *strrchr(t->users_folder, '/') = '\0';
    (void)snprintf(t->mail, sizeof t->mail, "%s", mail + 1);
    set_first(t->mail, "", t->maildrop);
    set_first(t->maildrop, "/new", t->message);
    char name[64];
    (void)snprintf(name, sizeof name, TRIAL "%d", (int)getpid());
    (void)snprintf(t->fresh, sizeof t->fresh, "%.*s/%s", PATH_LEN_MAX - 80, t->mail, name);
    (void)snprintf(t->moved, sizeof t->moved, "%.*s/%s", PATH_LEN_MAX - 80, t->maildrop, name);
    (void)snprintf(t->elsewhere, sizeof t->elsewhere, "/tmp/%s", name);
    t->page =
        mmap(NULL, t->page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    t->victim = start_victim();
    t->victim_fd = (int)syscall(SYS_pidfd_open, t->victim, 0);
    t->tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    t->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    t->program = open("/bin/true", O_RDONLY | O_CLOEXEC);
    t->folder = open(t->mail, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    t->memory = memfd_create("attack", MFD_CLOEXEC);
    return t->page != MAP_FAILED && t->victim > 0 && t->victim_fd >= 0 && t->tcp >= 0 &&
           t->udp >= 0 && t->program >= 0 && t->folder >= 0 && t->memory >= 0 &&
           ftruncate(t->memory, (off_t)t->page_size) == 0 &&
           socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, t->pair) == 0 &&
           t->message[0] != '\0';
}

void
attack_target_tidy(const struct target *t)
{
    (void)unlinkat(AT_FDCWD, t->fresh, 0);
    (void)unlinkat(AT_FDCWD, t->fresh, AT_REMOVEDIR);
    (void)unlinkat(AT_FDCWD, t->moved, 0);
    (void)unlinkat(AT_FDCWD, t->elsewhere, 0);
}

void
attack_target_finish(struct target *t)
{
    const int fds[] = {t->victim_fd, t->tcp,    t->udp,     t->program,
                       t->folder,    t->memory, t->pair[0], t->pair[1]};
    (void)kill(t->victim, SIGKILL);
    (void)waitpid(t->victim, NULL, 0);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        (void)close(fds[i]);
    (void)munmap(t->page, t->page_size);
}
