// tests arrive with the interpreter
