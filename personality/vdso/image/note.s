# The note by which Linux tells its version: 6.1.0.
	.section .note.linux, "a"
	.balign 4
	.long 2f - 1f, 4f - 3f, 0
1:	.asciz "Linux"
2:	.balign 4
3:	.long 6 << 16 | 1 << 8
4:	.balign 4
	.section .note.GNU-stack, "", @progbits
