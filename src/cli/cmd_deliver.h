/* restante deliver --to MAILDIR */
#ifndef CLI_CMD_DELIVER_H
#define CLI_CMD_DELIVER_H

/* argv[0] is "deliver". Returns the exit code; EX_OK only when the message is durable. */
int cmd_deliver(int argc, char **argv);

#endif
