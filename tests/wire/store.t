== server: a message that the store refuses, each reason
# R1939-52, R3206-2, R2449-9: the session goes on, and what was not read is not deletable
login: yes
message: Subject: a\n\none\n
refused: gone
message: Subject: a\n\none\n
refused: changed
message: Subject: a\n\none\n
refused: temp
message: Subject: a\n\none\n
refused: perm
message: Subject: a\n\none\n
C: RETR 1
C: RETR 2
C: RETR 3
C: TOP 4 0
C: DELE 1
C: DELE 2
C: DELE 3
C: DELE 4
C: DELE 5
C: RSET
C: DELE 3
C: RETR 1
C: STAT
C: LIST 1
C: DELE 5
C: QUIT
S: -ERR this message was removed by another program
S: -ERR this message was changed by another program, log in again to get it
S: -ERR [SYS/TEMP] the server has a problem, try again later
S: -ERR [SYS/PERM] this maildrop cannot be used, ask the postmaster
4 times S: -ERR this message could not be read, it is kept
S: +OK message 5 deleted
S: +OK 5 messages (95 octets)
S: -ERR this message could not be read, it is kept
S: -ERR this message was removed by another program
S: +OK 5 95
S: +OK 1 19
S: +OK message 5 deleted
S! remove 5
S: +OK 1 message deleted, goodbye
S! close

== server: a message deleted before it turned out to be gone
# R1939-52: it is marked, and the store is asked
login: yes
message: a
refused: gone
C: DELE 1
C: RETR 1
C: QUIT
S: +OK message 1 deleted
S: -ERR message 1 is deleted
S! remove 1
S: +OK 1 message deleted, goodbye
S! close

== server: a file shorter than promised gets no final dot
# R1939-39, R1939-17
login: yes
message: Subject: a\n\none\n
promised: 20
C: RETR 1
C: DELE 1
C: QUIT
S- +OK 20 octets\r\nSubject: a\r\n\r\none\r\n
S! drop

== server: a file longer than promised gets no final dot
# R1939-39, R1939-17
login: yes
message: Subject: a\n\none\ntwo\n
promised: 19
C: DELE 1
C: RSET
C: RETR 1
C: QUIT
S: +OK message 1 deleted
S: +OK 1 message (19 octets)
S- +OK 19 octets\r\n...
S! drop at once

== server: an empty file that was promised to be more
# R5322-4
login: yes
message:
promised: 1
C: RETR 1
C: NOOP
S- +OK 1 octet\r\n
S! drop

== server: only the line end is too much
login: yes
message: a
promised: 1
C: RETR 1
S- +OK 1 octet\r\na
S! drop

== server: TOP of a file that is longer shows what it was asked for
# R1939-45: within the promised size nothing is known to be wrong
login: yes
message: Subject: a\n\none\n
promised: 18
message: Subject: a\n\none\n
promised: 20
C: TOP 1 0
C: TOP 2 1
C: TOP 2 2
S: +OK top of message 1
S: Subject: a
S:
S: .
S: +OK top of message 2
S: Subject: a
S:
S: one
S: .
S- +OK top of message 2\r\nSubject: a\r\n\r\none\r\n
S! drop

== server: TOP of a file whose wanted lines alone are longer
login: yes
message: Subject: a\n\none\n
promised: 13
C: TOP 1 0
S- +OK top of message 1\r\nSubject: a\r\n...
S! drop at once

== server: an answer of which nothing was sent becomes an -ERR
# R1939-52: and the message is kept
login: yes
hold: yes
message: Subject: a\n\none\n
promised: 20
message: Subject: a\n\none\n
promised: 18
message: Subject: a\n\none\n
C: NOOP
C: RETR 1
C: DELE 1
C: RETR 2
C: DELE 2
C: RETR 3
C: DELE 3
C: QUIT
S: +OK
S: -ERR this message was changed by another program, log in again to get it
S: -ERR this message could not be read, it is kept
S: -ERR this message was changed by another program, log in again to get it
S: -ERR this message could not be read, it is kept
S: +OK 19 octets
S: Subject: a
S:
S: one
S: .
S: +OK message 3 deleted
S! remove 3
S: +OK 1 message deleted, goodbye
S! close
