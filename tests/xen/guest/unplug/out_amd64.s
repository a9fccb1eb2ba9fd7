#include "textflag.h"

// func out16(port, value uint16)
TEXT ·out16(SB), NOSPLIT, $0-4
	MOVW port+0(FP), DX
	MOVW value+2(FP), AX
	OUTW
	RET
