# RFC 1939, section 5: a deleted message is gone for the session (R1939-43)
login: ann
message: Subject: a\n\none\n
message: Subject: b\n\n.two\n
C: DELE 1
C: STAT
C: LIST
C: RETR 1
C: DELE 1
C: RSET
C: LIST 1
C: QUIT
S: +OK message 1 deleted
S: +OK 1 20
S: +OK 1 message (20 octets)
S: 2 20
S: .
S: -ERR message 1 is deleted
S: -ERR message 1 is deleted
S: +OK 2 messages (39 octets)
S: +OK 1 19
S: +OK goodbye
