# R1939-12, R1939-13: CRLF and LF end a line, a lone CR never; NUL and 8-bit octets are refused
login: ann
message: .a\n\n..\n.\nend
C- NOOP\n
C- NO\rOP\r\n
C- DELE 1\0\r\n
C- DELE\xff1\r\n
C- \r\n
C: RETR 1
C- QUIT
S: +OK
S: -ERR ...
S: -ERR ...
S: -ERR ...
S: -ERR unknown command
S: +OK 18 octets
S: ..a
S: 
S: ...
S: ..
S: end
S: .
