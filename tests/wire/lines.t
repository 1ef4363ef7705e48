== server: CRLF and LF end a line, a lone CR never; NUL and 8-bit octets are refused
# R1939-12, R1939-13, R1939-11, R1939-2, R1939-3, R2449-23: whole answers, none of it from the input
login: yes
message: Subject: a\n\none\n
C- NOOP\nNOOP\r\n
C- NO\rOP\r\n
C- NOOP\rDELE 1\r\n
C- \rNOOP\r\n
C- NOOP\r\r\n
C- \r\r\n
C- DELE 1\0\r\n
C- DELE\x001\r\n
C- \0\r\n
C- DELE 1\0\n
C- DELE\xff1\r\n
C- \x80NOOP\r\n
C- DELE 1\x7f\r\n
C- DELE\x091\r\n
C- \x1b[2J\r\n
C: STAT
2 times S: +OK
14 times S: -ERR a command is printable ASCII only
S: +OK 1 19

== server: an empty line is a command that is unknown
# R1939-13: one line, one answer
login: yes
C- \r\n\n\r\n
C: NOOP
3 times S: -ERR unknown command
S: +OK

== server: 255 octets are read
# R2449-5: 253 and 254, then 255 with CRLF, then 255 with LF
login: yes
message: Subject: a\n\none\n
C- LIST \{245*0}1\r\n
C- LIST \{246*0}1\r\n
C- LIST \{247*0}1\r\n
C- LIST \{248*0}1\n
4 times S: +OK 1 19

== server: 256 octets and more get one answer and are not run
# R2449-6, R1939-13
login: yes
message: Subject: a\n\none\n
C- DELE \{248*0}1\r\n
C- DELE \{249*0}1\n
C- DELE \{249*0}1\r\n
C- \{256*\r}\n
C- \{1000*\0}\r\n
C- \{300*x}\rDELE 1\r\n
C: STAT
6 times S: -ERR line too long, 255 octets at most
S: +OK 1 19

== server: 10000 octets
# R2449-6
login: yes
message: Subject: a\n\none\n
C: DELE 1\{1999*DELE }
C: NOOP
S: -ERR line too long, 255 octets at most
S: +OK

== server: a line that is too long voids USER
# R1939-28
C: USER ann
C: \{300*x}
C: PASS secret
S: +OK ...
S: +OK ...
S: -ERR line too long, 255 octets at most
S: -ERR USER comes first

== server: a line without its end is not run
# R1939-17, R1939-13
login: yes
message: Subject: a\n\none\n
C: NOOP
C- DELE 1\r
S: +OK

== server: a batch with the input behind the login
# R2449-17, R1957-4, R1939-13
message: Subject: a\n\none\n
message: Subject: b\n\n.two\n
C- USER ann\nPASS secret\r\nSTAT\nLIST\r\nUIDL\r\nRETR 2\r\nXYZZY\r\nTOP 1 0\r\nDELE 1\r\nRETR 1\r\nLIST\r\nQUIT\r\nNOOP\r\n
S: +OK ...
S: +OK now the password, with PASS
S: +OK logged in, 2 messages (39 octets)
S: +OK 2 39
S: +OK 2 messages (39 octets)
S: 1 19
S: 2 20
S: .
S: +OK 2 messages (39 octets)
S: 1 a
S: 2 b
S: .
S: +OK 20 octets
S: Subject: b
S:
S: ..two
S: .
S: -ERR unknown command
S: +OK top of message 1
S: Subject: a
S:
S: .
S: +OK message 1 deleted
S: -ERR message 1 is deleted
S: +OK 1 message (20 octets)
S: 2 20
S: .
S! remove 1
S: +OK 1 message deleted, goodbye
S! close

== server: a batch with the input behind a refused login
# R2449-17, R1939-25
C- USER ann\r\nPASS wrong\r\nSTAT\r\nUSER ann\r\nPASS secret\r\nSTAT\r\n
S: +OK ...
S: +OK ...
S: -ERR [AUTH] user name or password is wrong
S: -ERR log in first, with USER and PASS
S: +OK ...
S: +OK logged in, 0 messages (0 octets)
S: +OK 0 0

== server: many commands in one batch
# R2449-17, R2449-19, PROJ-2: room in the buffer or not, each is answered, in order
login: yes
message: Subject: a\n\none\n
uid: \{70*u}
13 times C: NOOP
6 times C: UIDL 1
100 times C: LIST 1
60 times C: XYZZY
100 times C: NOOP
13 times S: +OK
6 times S: +OK 1 \{70*u}
100 times S: +OK 1 19
60 times S: -ERR unknown command
100 times S: +OK
