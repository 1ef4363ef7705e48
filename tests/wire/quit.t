== server: QUIT before the login
# R1939-16, R1939-21: no UPDATE, and what follows is discarded
message: Subject: a\n\none\n
C: USER ann
C: QUIT
C: PASS secret
C: QUIT
C- NOOP
S: +OK ...
S: +OK ...
S: +OK goodbye
S! close

== server: QUIT with nothing marked asks the store for nothing
# R1939-18, R1939-54: what was read is not deleted for that
login: yes
message: Subject: a\n\none\n
C: RETR 1
C: QUIT
C: DELE 1
S: +OK 19 octets
S: Subject: a
S:
S: one
S: .
S: +OK goodbye
S! close

== server: QUIT removes what is marked and nothing else, then answers
# R1939-18, R1939-21
login: yes
9 times message: Subject: a\n\none\n
C: DELE 9
C: DELE 1
C: DELE 8
C: QUIT
C: RSET
C: QUIT
S: +OK message 9 deleted
S: +OK message 1 deleted
S: +OK message 8 deleted
S! remove 1 8 9
S: +OK 3 messages deleted, goodbye
S! close

== server: one message removed is one message
login: yes
message: a
C: DELE 1
C: QUIT
S: +OK message 1 deleted
S! remove 1
S: +OK 1 message deleted, goodbye
S! close

== server: RSET before QUIT keeps all
# R1939-44, R1939-18
login: yes
message: Subject: a\n\none\n
C: DELE 1
C: RSET
C: QUIT
S: +OK message 1 deleted
S: +OK 1 message (19 octets)
S: +OK goodbye
S! close

== server: messages that could not be removed
# R1939-19
login: yes
left: 2
3 times message: a
C: DELE 1
C: DELE 2
C: DELE 3
C: QUIT
C: QUIT
3 times S: +OK ...
S! remove 1 2 3
S: -ERR some deleted messages not removed: 2
S! close

== server: a QUIT without its end, or with an argument, is none
# R1939-17, R1939-41
login: yes
message: a
C: DELE 1
C: QUIT now
C- \0QUIT\r\n
C- QUIT\r
S: +OK message 1 deleted
S: -ERR this command takes no argument
S: -ERR a command is printable ASCII only

== server: an end without QUIT asks the store for nothing
# R1939-17
login: yes
message: a
C: DELE 1
C: STAT
C- QUI
S: +OK message 1 deleted
S: +OK 0 0
