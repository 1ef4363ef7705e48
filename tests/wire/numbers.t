== server: numbers that name no message, RETR
# R1939-40, R1939-11: no effect, and the answer does not repeat them
login: yes
message: Subject: a\n\none\n
message: Subject: b\n\ntwo\n
C: RETR -1
C: RETR +1
C: RETR 1x
C: RETR x1
C: RETR 0x1
C: RETR 1.0
C: RETR 1,2
C: RETR *
C: RETR -0
C: RETR 1-2
C: RETR 0
C: RETR 00
C: RETR 3
C: RETR 10
C: RETR 255
C: RETR 256
C: RETR 257
C: RETR 65537
C: RETR 2147483647
C: RETR 2147483648
C: RETR 4294967295
C: RETR 4294967296
C: RETR 4294967297
C: RETR 4294967298
C: RETR 9223372036854775808
C: RETR 18446744073709551615
C: RETR 18446744073709551616
C: RETR 18446744073709551617
C: RETR \{30*9}
C: RETR\x20
C: RETR  1
C: STAT
10 times S: -ERR a message number is digits only
19 times S: -ERR no such message, only 2 here
2 times S: -ERR ...
S: +OK 2 38

== server: numbers that name no message, DELE
# R1939-40, R1939-11: no effect, and the answer does not repeat them
login: yes
message: Subject: a\n\none\n
message: Subject: b\n\ntwo\n
C: DELE -1
C: DELE +1
C: DELE 1x
C: DELE x1
C: DELE 0x1
C: DELE 1.0
C: DELE 1,2
C: DELE *
C: DELE -0
C: DELE 1-2
C: DELE 0
C: DELE 00
C: DELE 3
C: DELE 10
C: DELE 255
C: DELE 256
C: DELE 257
C: DELE 65537
C: DELE 2147483647
C: DELE 2147483648
C: DELE 4294967295
C: DELE 4294967296
C: DELE 4294967297
C: DELE 4294967298
C: DELE 9223372036854775808
C: DELE 18446744073709551615
C: DELE 18446744073709551616
C: DELE 18446744073709551617
C: DELE \{30*9}
C: DELE\x20
C: DELE  1
C: STAT
10 times S: -ERR a message number is digits only
19 times S: -ERR no such message, only 2 here
2 times S: -ERR ...
S: +OK 2 38

== server: numbers that name no message, LIST
# R1939-40, R1939-11: no effect, and the answer does not repeat them
login: yes
message: Subject: a\n\none\n
message: Subject: b\n\ntwo\n
C: LIST -1
C: LIST +1
C: LIST 1x
C: LIST x1
C: LIST 0x1
C: LIST 1.0
C: LIST 1,2
C: LIST *
C: LIST -0
C: LIST 1-2
C: LIST 0
C: LIST 00
C: LIST 3
C: LIST 10
C: LIST 255
C: LIST 256
C: LIST 257
C: LIST 65537
C: LIST 2147483647
C: LIST 2147483648
C: LIST 4294967295
C: LIST 4294967296
C: LIST 4294967297
C: LIST 4294967298
C: LIST 9223372036854775808
C: LIST 18446744073709551615
C: LIST 18446744073709551616
C: LIST 18446744073709551617
C: LIST \{30*9}
C: LIST\x20
C: LIST  1
C: STAT
10 times S: -ERR a message number is digits only
19 times S: -ERR no such message, only 2 here
2 times S: -ERR ...
S: +OK 2 38

== server: numbers that name no message, UIDL
# R1939-40, R1939-11: no effect, and the answer does not repeat them
login: yes
message: Subject: a\n\none\n
message: Subject: b\n\ntwo\n
C: UIDL -1
C: UIDL +1
C: UIDL 1x
C: UIDL x1
C: UIDL 0x1
C: UIDL 1.0
C: UIDL 1,2
C: UIDL *
C: UIDL -0
C: UIDL 1-2
C: UIDL 0
C: UIDL 00
C: UIDL 3
C: UIDL 10
C: UIDL 255
C: UIDL 256
C: UIDL 257
C: UIDL 65537
C: UIDL 2147483647
C: UIDL 2147483648
C: UIDL 4294967295
C: UIDL 4294967296
C: UIDL 4294967297
C: UIDL 4294967298
C: UIDL 9223372036854775808
C: UIDL 18446744073709551615
C: UIDL 18446744073709551616
C: UIDL 18446744073709551617
C: UIDL \{30*9}
C: UIDL\x20
C: UIDL  1
C: STAT
10 times S: -ERR a message number is digits only
19 times S: -ERR no such message, only 2 here
2 times S: -ERR ...
S: +OK 2 38

== server: numbers that name no message, TOP
# R1939-40, R1939-11: no effect, and the answer does not repeat them
login: yes
message: Subject: a\n\none\n
message: Subject: b\n\ntwo\n
C: TOP -1 0
C: TOP +1 0
C: TOP 1x 0
C: TOP x1 0
C: TOP 0x1 0
C: TOP 1.0 0
C: TOP 1,2 0
C: TOP * 0
C: TOP -0 0
C: TOP 1-2 0
C: TOP 0 0
C: TOP 00 0
C: TOP 3 0
C: TOP 10 0
C: TOP 255 0
C: TOP 256 0
C: TOP 257 0
C: TOP 65537 0
C: TOP 2147483647 0
C: TOP 2147483648 0
C: TOP 4294967295 0
C: TOP 4294967296 0
C: TOP 4294967297 0
C: TOP 4294967298 0
C: TOP 9223372036854775808 0
C: TOP 18446744073709551615 0
C: TOP 18446744073709551616 0
C: TOP 18446744073709551617 0
C: TOP \{30*9} 0
C: TOP  0
C: TOP  1 0
C: STAT
10 times S: -ERR a message number is digits only
19 times S: -ERR no such message, only 2 here
2 times S: -ERR ...
S: +OK 2 38

== server: leading zeros are decimal
# R1939-40
login: yes
message: Subject: a\n\none\n
C: LIST 01
C: LIST \{200*0}1
S: +OK 1 19
S: +OK 1 19

== server: line counts that are none, TOP
# R1939-45, R1939-41
login: yes
message: Subject: a\n\none\n
C: TOP 1 -1
C: TOP 1 +1
C: TOP 1 1x
C: TOP 1 0x0
C: TOP 1 -0
C: TOP 1 1.5
C: TOP 1  1
C: TOP 1\x20
C: STAT
8 times S: -ERR ...
S: +OK 1 19

== server: an empty maildrop
# R1939-38, R1939-40
login: yes
C: STAT
C: LIST
C: UIDL
C: LIST 1
C: UIDL 1
C: RETR 1
C: TOP 1 0
C: DELE 1
C: RETR 0
C: RSET
C: QUIT
S: +OK 0 0
S: +OK 0 messages (0 octets)
S: .
S: +OK 0 messages (0 octets)
S: .
6 times S: -ERR no such message, the maildrop is empty
S: +OK 0 messages (0 octets)
S: +OK goodbye
S! close
