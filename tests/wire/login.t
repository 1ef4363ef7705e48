# R1939-27, R1939-28, R1939-31: USER, then PASS at once; the answers do not tell why
message: Subject: a\n\none\n
C: PASS secret
C: USER ann
C: NOOP
C: PASS secret
C: USER ann
C: USER ann
C: PASS secret
C: USER nobody
C: PASS secret
C: USER ann
C: PASS wrong
C: user ann
C: pass secret
C: USER ann
C: QUIT
S: +OK pop.test POP3 server ready
S: -ERR USER comes first
S: +OK ...
S: -ERR log in first...
S: -ERR USER comes first
S: +OK ...
S: -ERR PASS was expected...
S: -ERR USER comes first
S: +OK ...
S: -ERR [AUTH] user name or password is wrong
S: +OK ...
S: -ERR [AUTH] user name or password is wrong
S: +OK ...
S: +OK logged in, 1 message (19 octets)
S: -ERR you are logged in already
S: +OK goodbye
