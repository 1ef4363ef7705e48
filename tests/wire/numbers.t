# R1939-40, R1939-41: what is no message number has no effect
login: ann
message: Subject: a\n\none\n
C: RETR 0
C: RETR -1
C: RETR +1
C: RETR 1x
C: RETR 2
C: RETR 2147483648
C: RETR 4294967297
C: RETR 18446744073709551616
C: RETR
C: RETR 
C: RETR  1
C: RETR 1 
C: DELE 1 1
C: STAT 1
C: NOOP x
C: TOP 1
C: TOP 1 -1
C: TOP 1 99999999999999999999999
C: LIST 1
C: UIDL 1
C: STAT
S: -ERR no such message, only 1 here
S: -ERR a message number is digits only
S: -ERR a message number is digits only
S: -ERR a message number is digits only
S: -ERR no such message, only 1 here
S: -ERR no such message, only 1 here
S: -ERR no such message, only 1 here
S: -ERR no such message, only 1 here
S: -ERR ...
S: -ERR ...
S: -ERR ...
S: -ERR ...
S: -ERR ...
S: -ERR ...
S: -ERR ...
S: -ERR ...
S: -ERR ...
S: +OK top of message 1
S: Subject: a
S: 
S: one
S: .
S: +OK 1 19
S: +OK 1 a
S: +OK 1 19
