== server: header, blank line and k lines
# R1939-45
login: yes
message: h: 1\n.g: 2\n\none\n.two\n\nfour
C: TOP 1 0
C: TOP 1 1
C: TOP 1 2
C: TOP 1 3
C: TOP 1 4
C: TOP 1 5
C: RETR 1
S: +OK top of message 1
S: h: 1
S: ..g: 2
S:
S: .
S: +OK top of message 1
S: h: 1
S: ..g: 2
S:
S: one
S: .
S: +OK top of message 1
S: h: 1
S: ..g: 2
S:
S: one
S: ..two
S: .
S: +OK top of message 1
S: h: 1
S: ..g: 2
S:
S: one
S: ..two
S:
S: .
S: +OK top of message 1
S: h: 1
S: ..g: 2
S:
S: one
S: ..two
S:
S: four
S: .
S: +OK top of message 1
S: h: 1
S: ..g: 2
S:
S: one
S: ..two
S:
S: four
S: .
S: +OK 34 octets
S: h: 1
S: ..g: 2
S:
S: one
S: ..two
S:
S: four
S: .

== server: counts beyond every message are all of it, never less
# R1939-45
login: yes
message: h: 1\n\none\ntwo\n
C: TOP 1 2147483648
C: TOP 1 4294967295
C: TOP 1 4294967296
C: TOP 1 4294967297
C: TOP 1 18446744073709551614
C: TOP 1 18446744073709551615
C: TOP 1 18446744073709551616
C: TOP 1 18446744073709551617
C: TOP 1 \{200*9}
C: TOP 1 0002
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: two
S: .

== server: no blank line is invented, and no line
# R1939-45, R5322-4
login: yes
message: h: 1\n
message: h: 1
message:
message: \n
C: TOP 1 0
C: TOP 1 9
C: TOP 2 0
C: TOP 2 9
C: TOP 3 0
C: TOP 3 9
C: TOP 4 0
C: TOP 4 9
S: +OK top of message 1
S: h: 1
S: .
S: +OK top of message 1
S: h: 1
S: .
S: +OK top of message 2
S: h: 1
S: .
S: +OK top of message 2
S: h: 1
S: .
S: +OK top of message 3
S: .
S: +OK top of message 3
S: .
S: +OK top of message 4
S:
S: .
S: +OK top of message 4
S:
S: .

== server: which line is the blank one
# R1939-45, R5322-1, R5322-2: the first that is empty; one with a lone CR or a blank is not
login: yes
message: h: 1\r\n\r\none\r\ntwo
message: \n.one\n.two
message: h: 1\n\r\r\n \n\none\n
message: h: 1\n\n.
C: TOP 1 0
C: TOP 1 1
C: TOP 2 0
C: TOP 2 1
C: TOP 3 0
C: TOP 3 1
C: TOP 4 0
C: TOP 4 1
S: +OK top of message 1
S: h: 1
S:
S: .
S: +OK top of message 1
S: h: 1
S:
S: one
S: .
S: +OK top of message 2
S:
S: .
S: +OK top of message 2
S:
S: ..one
S: .
S: +OK top of message 3
S: h: 1
S: \r
S: \x20
S:
S: .
S: +OK top of message 3
S: h: 1
S: \r
S: \x20
S:
S: one
S: .
S: +OK top of message 4
S: h: 1
S:
S: .
S: +OK top of message 4
S: h: 1
S:
S: ..
S: .
