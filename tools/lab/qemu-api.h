/*
 * What of QEMU's plugin interface (version 1) the recorder uses. Debian has QEMU with plugins, but no package
 * with the header; so these are declarations of our own.
 */
#ifndef LAB_QEMU_API_H
#define LAB_QEMU_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLUGIN_API   1
#define PLUGIN_ENTRY __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_plugin_insn;

enum { PLUGIN_NO_REGS };
enum { PLUGIN_MEM_RW = 3 };

typedef void (*plugin_translated_fn)(uint64_t id, struct qemu_plugin_tb *tb);
typedef void (*plugin_executed_fn)(unsigned cpu, void *arg);
typedef void (*plugin_accessed_fn)(unsigned cpu, uint32_t info, uint64_t va, void *arg);
typedef void (*plugin_end_fn)(uint64_t id, void *arg);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, plugin_translated_fn fn);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, plugin_executed_fn fn, int regs,
                                          void *arg);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, plugin_executed_fn fn, int regs,
                                            void *arg);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, plugin_accessed_fn fn, int regs, int rw,
                                      void *arg);
void qemu_plugin_register_atexit_cb(uint64_t id, plugin_end_fn fn, void *arg);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);

/* Of an access. */
unsigned qemu_plugin_mem_size_shift(uint32_t info);
bool qemu_plugin_mem_is_store(uint32_t info);

#endif
