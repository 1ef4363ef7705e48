== server: a deleted message is gone for the session, the others do not move
# R1939-26, R1939-37, R1939-38, R1939-43, R1939-44, R1939-46
login: yes
message: Subject: a\n\none\n
message: Subject: b\n\n.two\n
message: Subject: c\n\n
C: STAT
C: DELE 2
C: STAT
C: LIST
C: UIDL
C: LIST 2
C: UIDL 2
C: RETR 2
C: TOP 2 0
C: DELE 2
C: LIST 3
C: UIDL 3
C: RSET
C: STAT
C: LIST
C: UIDL
C: LIST 2
C: UIDL 2
C: DELE 2
S: +OK 3 53
S: +OK message 2 deleted
S: +OK 2 33
S: +OK 2 messages (33 octets)
S: 1 19
S: 3 14
S: .
S: +OK 2 messages (33 octets)
S: 1 a
S: 3 c
S: .
5 times S: -ERR message 2 is deleted
S: +OK 3 14
S: +OK 3 c
S: +OK 3 messages (53 octets)
S: +OK 3 53
S: +OK 3 messages (53 octets)
S: 1 19
S: 2 20
S: 3 14
S: .
S: +OK 3 messages (53 octets)
S: 1 a
S: 2 b
S: 3 c
S: .
S: +OK 2 20
S: +OK 2 b
S: +OK message 2 deleted

== server: all deleted
# R1939-38, R1939-43: the numbers still mean what they meant
login: yes
message: a
message: b
C: DELE 1
C: DELE 2
C: STAT
C: LIST
C: UIDL
C: RETR 1
C: RETR 3
C: QUIT
S: +OK message 1 deleted
S: +OK message 2 deleted
S: +OK 0 0
S: +OK 0 messages (0 octets)
S: .
S: +OK 0 messages (0 octets)
S: .
S: -ERR message 1 is deleted
S: -ERR no such message, only 2 here
S! remove 1 2
S: +OK 2 messages deleted, goodbye
S! close

== server: one message, and one octet more than none
# R1939-37, R1939-38: texts in the singular
login: yes
message: Subject: a\n\none\n
message:
C: LIST
C: DELE 1
C: LIST
C: DELE 2
C: LIST
S: +OK 2 messages (19 octets)
S: 1 19
S: 2 0
S: .
S: +OK message 1 deleted
S: +OK 1 message (0 octets)
S: 2 0
S: .
S: +OK message 2 deleted
S: +OK 0 messages (0 octets)
S: .

== server: unique-ids as they are
# R1939-46, R1939-47: of 70 octets, and of odd ones
login: yes
message: a
uid: \{70*x}
message: b
uid: !#%&'*+/=?^_`{|}~
message: c
uid: .
C: UIDL
C: UIDL 1
C: UIDL 3
S: +OK 3 messages (9 octets)
S: 1 \{70*x}
S: 2 !#%&'*+/=?^_`{|}~
S: 3 \.
S: .
S: +OK 1 \{70*x}
S: +OK 3 \.
