== server: unknown commands are refused in both states and the session goes on
# R1939-2, R1939-5, R1939-11, R1939-4: a blank in front is no verb. UTF8 and LANG are later work.
C: XYZZY
C: NOO
C: NOOPX
C: NOOP1
C: RETR1
C: XTND 1
C: .
C: +OK
C: %s%n
C: GET / HTTP/1.1
C:
C: \x20
C:  NOOP
C: QUITX
C: UTF8
C: LANG
C: LANG *
C: USER ann
C: PASS secret
C: XYZZY
C: NOO
C: NOOPX
C: NOOP1
C: RETR1
C: XTND 1
C: .
C: +OK
C: %s%n
C: GET / HTTP/1.1
C:
C: \x20
C:  NOOP
C: QUITX
C: UTF8
C: LANG
C: LANG *
C: QUIT
S: +OK ...
17 times S: -ERR unknown command
S: +OK ...
S: +OK logged in...
17 times S: -ERR unknown command
S: +OK goodbye
S! close

== server: what needs a login is refused before it
# R1939-6
message: Subject: a\n\none\n
C: STAT
C: LIST
C: LIST 1
C: UIDL
C: UIDL 1
C: RETR 1
C: TOP 1 0
C: DELE 1
C: NOOP
C: RSET
C: STAT 1
C: RETR x
C: RETR
C: USER ann
C: PASS secret
C: STAT
S: +OK ...
13 times S: -ERR log in first, with USER and PASS
S: +OK ...
S: +OK logged in, 1 message (19 octets)
S: +OK 1 19

== server: what logs in is refused after that
# R1939-6
login: yes
timestamp: <1896.697170952@pop.test>
message: Subject: a\n\none\n
C: DELE 1
C: USER ann
C: PASS secret
C: APOP ann c4c9334bac560ecc979e58001b3e22fb
C: USER
C: PASS
C: STAT
S: +OK message 1 deleted
5 times S: -ERR you are logged in already
S: +OK 0 0

== server: verbs in any case
# R1939-4
message: Subject: a\n\none\n
C: uSeR ann
C: pass secret
C: stat
C: List 1
C: uidl 1
C: dele 1
C: rset
C: noop
C: quit
S: +OK ...
S: +OK ...
S: +OK logged in, 1 message (19 octets)
S: +OK 1 19
S: +OK 1 19
S: +OK 1 a
S: +OK message 1 deleted
S: +OK 1 message (19 octets)
S: +OK
S: +OK goodbye
S! close

== server: surplus arguments and blanks have no effect
# R1939-41, R1939-4, R1939-40
login: yes
message: Subject: a\n\none\n
C: STAT 1
C: STAT\x20
C: LIST 1 1
C: LIST 1\x20
C: LIST\x20
C: UIDL 1 1
C: UIDL 1\x20
C: UIDL\x20
C: RETR 1 1
C: RETR 1\x20
C: RETR  1
C: TOP 1 1 1
C: TOP 1 1\x20
C: TOP  1 1
C: TOP 1  1
C: DELE 1 1
C: DELE 1\x20
C: DELE  1
C: NOOP 1
C: NOOP\x20
C: RSET 1
C: RSET\x20
C: QUIT 1
C: QUIT\x20
C: CAPA 1
C: STAT
25 times S: -ERR ...
S: +OK 1 19

== server: missing arguments
# R1939-5
login: yes
message: Subject: a\n\none\n
C: RETR
C: RETR\x20
C: DELE
C: DELE\x20
C: TOP
C: TOP\x20
C: TOP 1
C: TOP 1\x20
C: TOP \x20
C: STAT
9 times S: -ERR ...
S: +OK 1 19
