== server: dots at the start of a line, wherever that is
# R1939-7, R1939-39, R1939-42: the size counts no stuffing; RETR can be repeated
login: yes
message: .a: 1\n\n.\n..\n\.\.\.\na.\n.a\nb\n.\n
message: .
message: \n.\n
C: LIST
C: RETR 1
C: RETR 2
C: RETR 2
C: RETR 3
S: +OK 3 messages (43 octets)
S: 1 35
S: 2 3
S: 3 5
S: .
S: +OK 35 octets
S: ..a: 1
S:
S: ..
S: ..\.
S: ...\.
S: a.
S: ..a
S: b
S: ..
S: .
S: +OK 3 octets
S: ..
S: .
S: +OK 3 octets
S: ..
S: .
S: +OK 5 octets
S:
S: ..
S: .

== server: a last line that has no end is completed
# R5322-1, R5322-4
login: yes
message: Subject: a\n\nlast
message: Subject: a
message: a\r
message: \r
message: a\r\n.
C: LIST
C: RETR 1
C: RETR 2
C: RETR 3
C: RETR 4
C: RETR 5
S: +OK 5 messages (45 octets)
S: 1 20
S: 2 12
S: 3 4
S: 4 3
S: 5 6
S: .
S: +OK 20 octets
S: Subject: a
S:
S: last
S: .
S: +OK 12 octets
S: Subject: a
S: .
S: +OK 4 octets
S: a\r
S: .
S: +OK 3 octets
S: \r
S: .
S: +OK 6 octets
S: a
S: ..
S: .

== server: an empty file, one of a line end, one with a header only
# R5322-4: no blank line is invented
login: yes
message:
message: \n
message: \r\n
message: Subject: a\n
message: Subject: a\n\n
C: LIST
C: RETR 1
C: RETR 2
C: RETR 3
C: RETR 4
C: RETR 5
S: +OK 5 messages (30 octets)
S: 1 0
S: 2 2
S: 3 2
S: 4 12
S: 5 14
S: .
S: +OK 0 octets
S: .
S: +OK 2 octets
S:
S: .
S: +OK 2 octets
S:
S: .
S: +OK 12 octets
S: Subject: a
S: .
S: +OK 14 octets
S: Subject: a
S:
S: .

== server: CRLF files, and both line ends in one
# R5322-1
login: yes
message: a: b\r\n\r\n.x\r\n
message: a: b\n\r\n.x\n.y\r\nz
C: LIST
C: RETR 1
C: RETR 2
S: +OK 2 messages (31 octets)
S: 1 12
S: 2 19
S: .
S: +OK 12 octets
S: a: b
S:
S: ..x
S: .
S: +OK 19 octets
S: a: b
S:
S: ..x
S: ..y
S: z
S: .

== server: a lone CR is text and starts no line
# R5322-2
login: yes
message: a\rb\r.\n\r.x\n
message: a\r\r\nb\n
message: \r\r\n\r\r\r.\r\n
C: LIST
C: RETR 1
C: RETR 2
C: RETR 3
S: +OK 3 messages (28 octets)
S: 1 12
S: 2 7
S: 3 9
S: .
S: +OK 12 octets
S: a\rb\r.
S: \r.x
S: .
S: +OK 7 octets
S: a\r
S: b
S: .
S: +OK 9 octets
S: \r
S: \r\r\r.
S: .

== server: NUL, controls, 8-bit octets and long lines pass
# R5322-3, R6532-1
login: yes
message: a\0b\xff\x80\x01\x7f\n\0\n.\0\n
message: \{2000*x}\n.\{1200*.}y
message: Subject: \xc3\xa9\n\n\xf0\x9f\x93\xac\n
C: LIST
C: RETR 1
C: RETR 2
C: RETR 3
S: +OK 3 messages (3243 octets)
S: 1 16
S: 2 3206
S: 3 21
S: .
S: +OK 16 octets
S: a\0b\xff\x80\x01\x7f
S: \0
S: ..\0
S: .
S: +OK 3206 octets
S: \{2000*x}
S: ..\{1200*.}y
S: .
S: +OK 21 octets
S: Subject: \xc3\xa9
S:
S: \xf0\x9f\x93\xac
S: .

== server: a listing that is longer than the least buffer
# R1939-38, R1939-46, PROJ-2
login: yes
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
message: Subject: a\n\none\n
uid: \{70*u}
C: UIDL
C: LIST
C: NOOP
S: +OK 32 messages (608 octets)
S: 1 \{70*u}
S: 2 \{70*u}
S: 3 \{70*u}
S: 4 \{70*u}
S: 5 \{70*u}
S: 6 \{70*u}
S: 7 \{70*u}
S: 8 \{70*u}
S: 9 \{70*u}
S: 10 \{70*u}
S: 11 \{70*u}
S: 12 \{70*u}
S: 13 \{70*u}
S: 14 \{70*u}
S: 15 \{70*u}
S: 16 \{70*u}
S: 17 \{70*u}
S: 18 \{70*u}
S: 19 \{70*u}
S: 20 \{70*u}
S: 21 \{70*u}
S: 22 \{70*u}
S: 23 \{70*u}
S: 24 \{70*u}
S: 25 \{70*u}
S: 26 \{70*u}
S: 27 \{70*u}
S: 28 \{70*u}
S: 29 \{70*u}
S: 30 \{70*u}
S: 31 \{70*u}
S: 32 \{70*u}
S: .
S: +OK 32 messages (608 octets)
S: 1 19
S: 2 19
S: 3 19
S: 4 19
S: 5 19
S: 6 19
S: 7 19
S: 8 19
S: 9 19
S: 10 19
S: 11 19
S: 12 19
S: 13 19
S: 14 19
S: 15 19
S: 16 19
S: 17 19
S: 18 19
S: 19 19
S: 20 19
S: 21 19
S: 22 19
S: 23 19
S: 24 19
S: 25 19
S: 26 19
S: 27 19
S: 28 19
S: 29 19
S: 30 19
S: 31 19
S: 32 19
S: .
S: +OK
