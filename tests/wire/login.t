== server: USER, then PASS at once; the answers do not tell why
# R1939-1, R1939-27, R1939-28, R1939-30, R1939-31, R3206-1, R1939-25
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
C: PASS secret
C: user ann
C: pass secret
C: USER ann
C: QUIT
S: +OK pop.test POP3 server ready
S: -ERR USER comes first
S: +OK now the password, with PASS
S: -ERR log in first, with USER and PASS
S: -ERR USER comes first
S: +OK now the password, with PASS
S: -ERR PASS was expected; start again with USER
S: -ERR USER comes first
S: +OK now the password, with PASS
S: -ERR [AUTH] user name or password is wrong
S: +OK now the password, with PASS
S: -ERR [AUTH] user name or password is wrong
S: -ERR USER comes first
S: +OK now the password, with PASS
S: +OK logged in, 1 message (19 octets)
S: -ERR you are logged in already
S: +OK goodbye
S! close

== server: USER and PASS without their argument, or with too many
# R1939-27, R1939-4, R1939-5
C: USER
C: USER \x20
C: USER ann bob
C: USER ann\x20
C: USER  ann
C: USER ann
C: PASS
C: USER ann
C: PASS\x20
C: PASS secret
S: +OK ...
5 times S: -ERR ...
S: +OK ...
S: -ERR an argument is missing
S: +OK ...
S: -ERR the password is missing
S: -ERR USER comes first

== server: the password is the whole rest of the line
# R1939-29
password:  a  b\x20
C: USER ann
C: PASS a  b
C: USER ann
C: PASS  a b\x20
C: USER ann
C: PASS  a  b
C: USER ann
C: PASS  a  b\x20
S: +OK ...
S: +OK ...
S: -ERR [AUTH] ...
S: +OK ...
S: -ERR [AUTH] ...
S: +OK ...
S: -ERR [AUTH] ...
S: +OK ...
S: +OK logged in, 0 messages (0 octets)

== server: the longest name and the longest password
# R2449-5: 255 octets each; the octet more is refused
password: \{248*p}
C: USER \{248*u}
C: PASS \{248*p}
C: USER \{249*u}
C: PASS \{248*p}
C: USER ann
C: PASS \{249*p}
C: USER ann
C: PASS \{248*p}
S: +OK ...
S: +OK ...
S: -ERR [AUTH] ...
S: -ERR line too long, 255 octets at most
S: -ERR USER comes first
S: +OK ...
S: -ERR line too long, 255 octets at most
S: +OK ...
S: +OK logged in, 0 messages (0 octets)

== server: 8-bit octets and NUL in a name or a password
# R1939-11, R1939-12: a NUL cuts nothing. UTF-8 names are later work (R6856-5).
password: secret
C: USER ann\0
C: USER \xc3\xa4nn
C: USER ann
C: PASS secret\0
C: PASS secret
C: USER ann
C: PASS secret\0x
C: USER ann
C: PASS s\xc3\xa9cret
S: +OK ...
2 times S: -ERR a command is printable ASCII only
S: +OK ...
S: -ERR a command is printable ASCII only
S: -ERR USER comes first
S: +OK ...
S: -ERR a command is printable ASCII only
S: +OK ...
S: -ERR a command is printable ASCII only

== server: a right login that is refused, each code
# R1939-24, R2449-11, R3206-2, R2449-9; a wrong one hears [AUTH] first, whatever the maildrop is
refuse: in-use
refuse: temp
refuse: perm
refuse: user-sessions
refuse: auth
C: USER ann
C: PASS wrong
5 times C: USER ann\r\nPASS secret
C: PASS secret
C: USER ann
C: PASS secret
C: NOOP
S: +OK ...
S: +OK ...
S: -ERR [AUTH] user name or password is wrong
S: +OK ...
S: -ERR [IN-USE] another session has this maildrop open, try again when it has ended
S: +OK ...
S: -ERR [SYS/TEMP] the server has a problem, try again later
S: +OK ...
S: -ERR [SYS/PERM] this maildrop cannot be used, ask the postmaster
S: +OK ...
S: -ERR [IN-USE] too many sessions of this user (limit: sessions-per-user), try again later
S: +OK ...
S: -ERR [AUTH] user name or password is wrong
S: -ERR USER comes first
S: +OK ...
S: +OK logged in, 0 messages (0 octets)
S: +OK

== server: turned away, no connection free
# R1939-1, R3206-2, R2449-9
greeting: connections
C: USER ann
S: -ERR [SYS/TEMP] the server has all the connections it takes (limit: connections), try again later
S! close

== server: turned away, this address has enough
greeting: per-address
S: -ERR [SYS/TEMP] your address has all the connections it may have (limit: per-address), try again later
S! close

== server: the name is checked at USER where that is wanted
# R1939-28, R1939-30: the early -ERR is a choice of the configuration
check-user: yes
C: USER bob
C: PASS secret
C: USER ann
C: PASS secret
S: +OK ...
S: -ERR no mailbox of that name here
S: -ERR USER comes first
S: +OK now the password, with PASS
S: +OK logged in, 0 messages (0 octets)

== server: APOP where there is a timestamp
# R1939-32; an APOP that fails leaves no USER behind
timestamp: <1896.697170952@dbc.mtview.ca.us>
digest: c4c9334bac560ecc979e58001b3e22fb
C: APOP
C: APOP ann
C: APOP ann\x20
C: APOP ann c4c9334bac560ecc979e58001b3e22fb x
C: APOP bob c4c9334bac560ecc979e58001b3e22fb
C: USER ann
C: APOP ann c4c9334bac560ecc979e58001b3e22fc
C: PASS secret
C: apop ann c4c9334bac560ecc979e58001b3e22fb
C: APOP ann c4c9334bac560ecc979e58001b3e22fb
S: +OK pop.test POP3 server ready <1896.697170952@dbc.mtview.ca.us>
4 times S: -ERR ...
S: -ERR [AUTH] user name or password is wrong
S: +OK ...
S: -ERR [AUTH] user name or password is wrong
S: -ERR USER comes first
S: +OK logged in, 0 messages (0 octets)
S: -ERR you are logged in already

== server: no APOP without a timestamp
# R1939-32, R1939-35
digest: c4c9334bac560ecc979e58001b3e22fb
C: APOP ann c4c9334bac560ecc979e58001b3e22fb
S: +OK pop.test POP3 server ready
S: -ERR APOP is not available here
