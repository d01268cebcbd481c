void meanwhile_program(const void *start, size_t size);
