# Quire. `make help` lists the targets.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

B := build

# --- tools: evaluated when a recipe runs, so that set-up can install them first ---

CROSS = $(shell command -v i686-elf-gcc >/dev/null 2>&1 && echo i686-elf- || echo i686-linux-gnu-)
CC    = $(CROSS)gcc
LD    = $(CROSS)ld
NM    = $(CROSS)nm
NASM  = nasm
HOSTCC = gcc

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wundef

# The first three words of arguments are passed in EAX, EDX and ECX, and no alignment of the stack is kept up that nobody needs: each
# call is shorter. kernel/lib/libgcc.asm is for libgcc, which is compiled without.
CFLAGS := -std=gnu11 -m32 -march=i686 -mtune=generic -O2 -g -ffreestanding -fno-pie -fno-pic -fno-stack-protector \
          -fno-omit-frame-pointer -fno-strict-aliasing -fno-asynchronous-unwind-tables -fno-unwind-tables \
          -mgeneral-regs-only -mregparm=3 -mpreferred-stack-boundary=2 -fno-common $(WARN) -I.
NASMFLAGS := -f elf32 -g -F dwarf -I./ -w+all -Werror
LIBGCC_CALLED := __divdi3 __moddi3 __divmoddi4 __udivdi3 __umoddi3 __udivmoddi4 __ctzdi2 __popcountsi2
LDFLAGS := $(LIBGCC_CALLED:%=--wrap=%) -m elf_i386 -nostdlib --build-id=none -z max-page-size=4096 -z noexecstack

HOST_CFLAGS := -std=gnu11 -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all \
               -fno-strict-aliasing -fno-common -DQUIRE_HOSTED $(WARN) -I.

TEST_SHARED := $(sort $(wildcard tests/*.c))

# --- the kernel image ---

KERNEL_C   := $(sort $(wildcard boot/*.c kernel/*.c kernel/*/*.c drivers/*.c mm/*.c mm/forms/*.c mm/lab/*.c mm/policy/*.c mm/x86/*.c tests/unit/*.c tests/kernel/*.c)) $(TEST_SHARED)
# To measure policies that only the host has, those that need not be told of every use, on a live kernel: make POLICIES=all
# B=build/policies. tools/policies does.
POLICIES :=
ifeq ($(POLICIES),all)
KERNEL_C += $(addprefix mm/policy/host/,clock2.c generations.c s3fifo.c sieve.c)
CFLAGS   += -DPOLICY_CANDIDATES
endif
KERNEL_ASM := $(sort $(wildcard boot/*.asm kernel/*/*.asm mm/x86/*.asm))
KERNEL_OBJ := $(KERNEL_C:%.c=$(B)/kernel/%.o) $(KERNEL_ASM:%.asm=$(B)/kernel/%.asm.o)
KERNEL_LINK = $(LD) $(LDFLAGS) -T linker.ld $(KERNEL_OBJ) $(1) $(shell $(CC) -print-libgcc-file-name) -o $@

# string.c moves memory in plain loops, which the compiler must not turn into calls of themselves;
$(B)/kernel/kernel/lib/string.o: CFLAGS += -fno-tree-loop-distribute-patterns

$(B)/kernel/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(B)/kernel/%.asm.o: %.asm Makefile
	@mkdir -p $(@D)
	@echo "  NASM    $<"
	@$(NASM) $(NASMFLAGS) -MD $(@:.o=.d) -MP $< -o $@

# The image holds the names of its own functions, so it is linked three times: with empty tables, with tables of the
# right size from the first link, and with tables of the right addresses from the second. That they are right is checked.
$(B)/ksyms0.asm: tools/ksyms
	@mkdir -p $(@D)
	tools/ksyms </dev/null >$@

$(B)/quire.pass1: $(KERNEL_OBJ) $(B)/ksyms0.o linker.ld
	$(call KERNEL_LINK,$(B)/ksyms0.o)

$(B)/ksyms1.asm: $(B)/quire.pass1 tools/ksyms
	$(NM) -n $< | tools/ksyms >$@

$(B)/quire.pass2: $(KERNEL_OBJ) $(B)/ksyms1.o linker.ld
	$(call KERNEL_LINK,$(B)/ksyms1.o)

$(B)/ksyms.asm: $(B)/quire.pass2 tools/ksyms
	$(NM) -n $< | tools/ksyms >$@

$(B)/ksyms0.o $(B)/ksyms1.o $(B)/ksyms.o: $(B)/%.o: $(B)/%.asm
	$(NASM) -f elf32 $< -o $@

$(B)/quire.elf: $(KERNEL_OBJ) $(B)/ksyms.o linker.ld
	$(call KERNEL_LINK,$(B)/ksyms.o)
	$(NM) -n $@ | tools/ksyms | cmp - $(B)/ksyms.asm
	grub-file --is-x86-multiboot $@

# --- the boot image: make iso [ISO=file] [ISO_ARGS="kernel's arguments"] [ISO_MODULES="file ..."] ---

ISO         = $(B)/quire.iso
ISO_ARGS    =
ISO_MODULES = $(B)/rootfs.cpio
ISO_TREE    = $(ISO).tree
# GRUB without what a BIOS boot from this image does not need.
GRUB_FLAGS  = -d /usr/lib/grub/i386-pc --compress=xz --locales= --fonts= --themes= \
              --install-modules="multiboot normal iso9660 biosdisk serial terminal echo"

.PHONY: iso
iso: $(ISO_MODULES) $(B)/quire.elf
	rm -rf $(ISO_TREE)
	mkdir -p $(ISO_TREE)/boot/grub
	$(CROSS)objcopy --strip-debug $(B)/quire.elf $(ISO_TREE)/boot/quire.elf
	sed -e 's|@ARGS@|$(ISO_ARGS)|' -e '/@MODULES@/,$$d' iso/grub.cfg >$(ISO_TREE)/boot/grub/grub.cfg
	set -e; for m in $(ISO_MODULES); do \
	    cp $$m $(ISO_TREE)/boot/; \
	    echo "    echo 'Loading $${m##*/}, $$(du -h $$m | cut -f1)'" >>$(ISO_TREE)/boot/grub/grub.cfg; \
	    echo "    module /boot/$${m##*/} $${m##*/}" >>$(ISO_TREE)/boot/grub/grub.cfg; \
	done
	echo "}" >>$(ISO_TREE)/boot/grub/grub.cfg
	grub-mkrescue $(GRUB_FLAGS) -o $(ISO) $(ISO_TREE) 2>$(ISO).log || { cat $(ISO).log; exit 1; }
	@echo "$(ISO): $$(du -h $(ISO) | cut -f1), the kernel and $(ISO_MODULES), started by GRUB$(if $(ISO_ARGS), with \"$(ISO_ARGS)\")"
	@echo "boot it, which takes GRUB a second or two for each MiB: tools/run --iso=$(ISO)    or qemu-system-i386 -m 64M -serial mon:stdio -cdrom $(ISO)"

# --- hosted tests: one program for each tests/unit/NAME.c, over the portable sources as an archive; those in
# --- tests/host/unit need the host, and are not in the kernel ---

HOST_MM    := $(sort $(wildcard mm/*.c mm/forms/*.c mm/lab/*.c mm/policy/*.c mm/policy/host/*.c)) $(wildcard mm/x86/pt.c) kernel/fs/cpio.c kernel/life/elf.c kernel/life/core_name.c $(wildcard kernel/lib/ansi*.c) kernel/lib/cp437.c kernel/lib/format.c kernel/dev/keys.c kernel/dev/ldisc.c kernel/dev/partition.c kernel/dev/ptable.c kernel/lib/heap.c kernel/lib/number.c kernel/lib/param.c kernel/lib/stall.c kernel/sched/dayclock.c kernel/sched/runq.c kernel/vm/ram.c
# Rooms of kernel/ that are raced on the host, and what stands in for those below and above them.
HOST_MM    += $(addprefix kernel/fs/,async.c dnotify.c epoll.c eventfd.c fcntl.c file.c inotify.c notify.c permission.c pipe.c poll.c ramfs.c ramfs_file.c ramfs_verify.c regular.c seals.c unpack.c vfs.c xattr.c) $(addprefix kernel/ipc/,ids.c shm.c) tests/host/rooms/rooms.c
HOST_MMOBJ := $(HOST_MM:%.c=$(B)/host/%.o)
HOST_BASE  := $(patsubst %.c,$(B)/host/%.o,$(wildcard tests/host/*.c) $(TEST_SHARED))
comma      := ,
HOST_TESTC := $(sort $(wildcard tests/unit/*.c tests/host/unit/*.c))
HOST_TESTS := $(addprefix $(B)/host/,$(notdir $(HOST_TESTC:.c=)))

$(B)/host/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  HOSTCC  $<"
	@$(HOSTCC) $(HOST_CFLAGS) -MMD -MP -c $< -o $@

$(B)/host/libmm.a: $(HOST_MMOBJ)
	@rm -f $@
	@ar rcs $@ $^

define host_test
$(B)/host/$(notdir $(1:.c=)): $(B)/host/$(1:.c=.o) $(HOST_BASE) $(B)/host/libmm.a
	@echo "  HOSTLD  $$@"
	@$$(HOSTCC) $$(HOST_CFLAGS) -Wl,--start-group $$^ -Wl,--end-group $$(HOST_LDFLAGS) -o $$@
endef
$(foreach t,$(HOST_TESTC),$(eval $(call host_test,$t)))

# What rooms allocate comes from the host, byte by byte, so that ASan sees each use of what is freed.
ROOM_WRAPS := $(addprefix -Wl$(comma)--wrap=,kmalloc_any kzalloc kfree kmalloc_usable cache_alloc_slow cache_free_slow) \
              -Wl,--defsym=frame_pool_sys=rooms_pool

$(B)/host/roomrace: $(B)/host/tests/host/rooms/files.o
$(B)/host/roomrace: HOST_LDFLAGS := $(ROOM_WRAPS)

# The rooms of processes, and what tests/host/rooms/life.c does not stand in for.
HOST_LIFE := $(addprefix kernel/proc/,cred.c futex.c itimer.c ldt.c ports.c process.c ptimer.c ptrace.c ptrace_stop.c signal.c thread.c tls.c) \
             $(addprefix kernel/life/,audit.c clone.c deliver.c exec.c exec_args.c exec_cred.c exit.c init.c memory.c unshare.c) \
             $(addprefix kernel/sys/,sys_cred.c sys_file.c sys_futex.c sys_ipc.c sys_path.c sys_process.c sys_signal.c sys_timer.c sys_wait.c) \
             $(addprefix kernel/sched/,expiry.c usertime.c) $(addprefix kernel/fs/,pidfd.c signalfd.c timerfd.c) kernel/x86/usercopy_struct.c \
             $(addprefix kernel/ipc/,message.c msg.c msg_queue.c sem.c sem_op.c) tests/host/rooms/life.c

$(B)/host/liferace: $(HOST_LIFE:%.c=$(B)/host/%.o)
$(B)/host/liferace: HOST_LDFLAGS := $(ROOM_WRAPS) -Wl,--wrap=process_on_end \
    -Wl,--defsym=tallies_start=__start_tallies,--defsym=tallies_end=__stop_tallies

# What programs of the host and of ring 3 share that have files of mm/ in them, or read tables of others' answers.
PROGRAM_C := tests/program/os.c tests/program/rows.c

# The simulator of replacement policies, which is those of mm/policy/ over a reference string. Optimized, and without
# the sanitizers: a string has hundreds of thousands of references.
REPLAY_C     := $(sort $(wildcard tests/host/replay/*.c mm/policy/*.c mm/policy/host/*.c)) mm/policy.c mm/frame.c mm/buddy.c $(PROGRAM_C)
REPLAY_FLAGS := $(filter-out -O1 -fsanitize=% -fno-sanitize-recover=%,$(HOST_CFLAGS)) -O2
$(B)/host/replay: $(REPLAY_C) $(wildcard tests/host/*.h tests/host/replay/*.h tests/program/*.h mm/*.h) Makefile
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) $(REPLAY_FLAGS) $(REPLAY_C) -o $@

# The same with the sanitizers, for its own test.
$(B)/host/replay-checked: $(REPLAY_C) $(wildcard tests/host/*.h tests/host/replay/*.h tests/program/*.h mm/*.h) Makefile
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) $(HOST_CFLAGS) $(REPLAY_C) -o $@

# The forms of page tables over tables that textbooks' programs printed.
TRANSLATE_C := tests/host/translate/main.c $(sort $(wildcard mm/forms/*.c)) $(PROGRAM_C)
$(B)/host/translate: $(TRANSLATE_C) $(wildcard mm/forms/*.h tests/program/*.h) Makefile
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) $(HOST_CFLAGS) -D_GNU_SOURCE $(TRANSLATE_C) -o $@

# What compares allocators: the kernel's own over a trace of allocations. docs/freespace.md.
FITS_MM := mm/lab/freelist.c $(addprefix mm/,buddy.c frame.c kmalloc.c kva.c slab.c slab_debug.c)
FITS_C  := $(sort $(wildcard tests/fits/*.c)) $(FITS_MM) $(PROGRAM_C)
FITS_H  := $(wildcard tests/fits/*.h tests/program/*.h mm/*.h mm/lab/*.h mm/x86/*.h)
$(B)/host/fits: tests/host/fits/main.c $(FITS_C) $(FITS_H) Makefile
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) $(REPLAY_FLAGS) -D_GNU_SOURCE $(filter %.c,$^) -o $@

$(B)/host/fits-checked: tests/host/fits/main.c $(FITS_C) $(FITS_H) Makefile
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) $(HOST_CFLAGS) -D_GNU_SOURCE $(filter %.c,$^) -o $@

# The player: the same policies and the same core in WebAssembly, in one page. See docs/lab.md. What it exports has no
# prototypes.
WASM_C     := $(sort $(wildcard mm/policy/*.c mm/policy/host/*.c)) mm/policy.c mm/frame.c mm/buddy.c kernel/lib/format.c \
              $(addprefix tests/host/replay/,machine.c parse.c recorded.c) $(wildcard tools/lab/player/*.c)
WASM_OBJ   := $(WASM_C:%.c=$(B)/wasm/%.o)
WASM_FLAGS := --target=wasm32 -std=gnu11 -O2 -ffreestanding -fno-strict-aliasing -fno-common -DQUIRE_HOSTED \
              $(filter-out -Wmissing-prototypes,$(WARN)) -I. -isystem tools/lab/player/libc

# so does libc.c.
$(B)/wasm/tools/lab/player/libc.o: WASM_FLAGS += -fno-builtin
# There is no stack of return addresses; caches without debugging do not look at them.
$(B)/wasm/mm/kmalloc.o $(B)/wasm/mm/slab.o: WASM_FLAGS += '-D__builtin_return_address(level)=((void *)0)'

$(B)/wasm/%.o: %.c Makefile | $(B)/setup-player
	@mkdir -p $(@D)
	@echo "  WASMCC  $<"
	@clang $(WASM_FLAGS) -MMD -MP -c $< -o $@

$(B)/lab/player.wasm: $(WASM_OBJ)
	@mkdir -p $(@D)
	@echo "  WASMLD  $@"
	@wasm-ld --no-entry --stack-first -z stack-size=65536 --strip-all $^ -o $@

# What the pages share.
PAGE := $(addprefix tools/lab/page/,frame.html page.css core.js page.js)
$(B)/lab/player.html: $(B)/lab/player.wasm $(wildcard tools/lab/player/* tools/lab/page/*)
	@tools/lab/page/assemble $< $(PAGE) $(addprefix tools/lab/player/,page.html run.js explain.js page.js) >$@

# The page of heaps: the allocators in WebAssembly, in the same way. See docs/freespace.md.
HEAP_WASM_C   := $(addprefix tests/fits/,heap.c run.c trace.c) $(FITS_MM) kernel/lib/format.c tools/lab/player/libc.c tools/lab/heap/core.c
HEAP_WASM_OBJ := $(HEAP_WASM_C:%.c=$(B)/wasm/%.o)
$(B)/lab/heap.wasm: $(HEAP_WASM_OBJ)
	@mkdir -p $(@D)
	@echo "  WASMLD  $@"
	@wasm-ld --no-entry --stack-first -z stack-size=65536 --strip-all $^ -o $@

$(B)/lab/heap.html: $(B)/lab/heap.wasm $(wildcard tools/lab/heap/* tools/lab/page/*)
	@tools/lab/page/assemble $< $(PAGE) $(addprefix tools/lab/heap/,page.html page.css page.js) >$@

.PHONY: player
player: $(B)/lab/player.html $(B)/lab/heap.html
	@echo $^

.PHONY: hosted
hosted: $(HOST_TESTS) $(addprefix $(B)/host/,replay replay-checked translate fits fits-checked)

# --- the laboratory: a plugin of QEMU's that records what programs touch, and the sweep over policies and sizes ---

LAB_FLAGS := -std=gnu11 -D_GNU_SOURCE -O2 -g $(WARN) -I.
$(B)/lab/plugin.so: tools/lab/plugin.c tools/lab/qemu-api.h Makefile | $(B)/setup-trace
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) $(LAB_FLAGS) -fPIC -shared -fvisibility=hidden $< -o $@ -lz -lpthread

SWEEP_C := tools/lab/sweep.c tools/lab/ahead.c $(filter-out tests/host/replay/main.c tests/host/replay/table.c,$(REPLAY_C))
$(B)/lab/sweep: $(SWEEP_C) mm/ahead.c $(wildcard tools/lab/*.h tests/host/*.h tests/host/replay/*.h mm/*.h) Makefile | $(B)/setup-trace
	@mkdir -p $(@D)
	@echo "  HOSTCC  $@"
	@$(HOSTCC) $(REPLAY_FLAGS) -D_GNU_SOURCE $(SWEEP_C) -lm -o $@

# A file of some size for a compiler: one of the kernel's, with what it includes.
$(B)/lab/root/fault.i: mm/fault.c $(wildcard mm/*.h mm/x86/*.h) | $(B)/setup-trace
	@mkdir -p $(@D)
	@$(CC) $(CFLAGS) -E -P $< -o $@

-include $(shell find $(B)/kernel $(B)/host $(B)/wasm -name '*.d' -type f 2>/dev/null)

# --- the kernel around mm/ that is not this one, built from copies, so that it cannot have more: docs/lifting.md ---

# (Under `make -n` a line with MAKE in it is run, without those before it.)
LIFT_FILES := $(wildcard mm/*.[ch] mm/forms/*.[ch] mm/policy/*.c mm/x86/*.[ch] $(addprefix tests/lift/,*.c *.h *.asm *.ld Makefile))
$(B)/lift/lift.elf: $(LIFT_FILES) Makefile | $(B)/setup-build
	@rm -rf $(@D)/tree
	@mkdir -p $(@D)/tree
	@cp -a mm tests/lift $(@D)/tree/
	@echo "  LIFT    $@"
	@[ ! -d $(@D)/tree/lift ] || $(MAKE) -s -C $(@D)/tree/lift MM=.. OUT=$(abspath $(@D))

# --- programs for ring 3: the project's own (user/), tests of what programs see (tests/user/), root archives ---

USERCC      = i686-linux-gnu-gcc
# Ubuntu's compiler fortifies unless told not to, and then warns of what these programs do on purpose.
USER_CFLAGS := -std=gnu11 -D_GNU_SOURCE -U_FORTIFY_SOURCE -O2 -g -march=i686 -fno-common -pthread $(WARN) -I.
# The tests do on purpose what these warn of.
UT_CFLAGS    = $(USER_CFLAGS) -Wno-nonnull -Wno-stringop-overflow -Wno-stringop-overread -Wno-array-bounds
USER_H      := $(wildcard tests/user/quire/*.h tests/user/*.h)

# With the kernel's allocators, as they are, for `fits`, and the words of a software TLB, for `tlb`.
TLB_WORDS_C := mm/softtlb_config.c mm/assoc.c $(sort $(wildcard mm/forms/*.c))
$(B)/user/quire: $(sort $(wildcard tests/user/quire/*.c)) $(FITS_C) $(FITS_H) $(TLB_WORDS_C) $(wildcard mm/forms/*.h) $(USER_H) Makefile | $(B)/setup-user
	@mkdir -p $(@D)
	@echo "  USERCC  $@"
	@$(USERCC) $(USER_CFLAGS) -fno-strict-aliasing -DQUIRE_HOSTED -static -s $(filter %.c,$^) -o $@

# What `malloctrace` loads into a program, to record what it allocates.
$(B)/user/malloctrace.so: tests/user/preload/malloctrace.c Makefile | $(B)/setup-user
	@mkdir -p $(@D)
	@echo "  USERCC  $@"
	@$(USERCC) $(USER_CFLAGS) -fPIC -shared -fvisibility=hidden -fno-builtin -s -Wl,-soname,malloctrace.so $< -o $@

# Each of tests/user/ut-*.c is a program of its own, linked with the archive's shared libraries; and all of them
# are in one static program, which is whichever its name or first argument says.
UT_C       := $(sort $(wildcard tests/user/ut-*.c))
UT_DYNAMIC := $(UT_C:tests/user/%.c=$(B)/ut/%)
UT_COMMON  := tests/user/ut.c tests/user/seg.c tests/user/executed.c

UT_OBJECT  := $(patsubst tests/user/%.c,$(B)/ut/o/%.o,$(UT_C) $(UT_COMMON))
UT_SHARED  := $(patsubst tests/user/%.c,$(B)/ut/o/%.o,$(UT_COMMON))

$(UT_OBJECT): $(B)/ut/o/%.o: tests/user/%.c Makefile | $(B)/setup-user
	@mkdir -p $(@D)
	@echo "  USERCC  $<"
	@$(USERCC) $(UT_CFLAGS) -MMD -MP -c $< -o $@

$(UT_DYNAMIC): $(B)/ut/%: $(B)/ut/o/%.o $(UT_SHARED)
	@echo "  USERLD  $@"
	@$(USERCC) $(UT_CFLAGS) $^ -o $@

$(B)/ut/ut: $(UT_OBJECT)
	@echo "  USERLD  $@"
	@$(USERCC) $(UT_CFLAGS) -static $^ -o $@

-include $(UT_OBJECT:.o=.d)

# Programs that are hostile, or that compare long random runs; each alone, and static, so that little memory is enough.
FUZZ := $(patsubst tests/user/%.c,$(B)/fuzz/%,$(filter-out $(UT_C) $(UT_COMMON) tests/user/bench.c,$(sort $(wildcard tests/user/*.c))))

$(FUZZ): $(B)/fuzz/%: tests/user/%.c Makefile | $(B)/setup-user
	@mkdir -p $(@D)
	@echo "  USERCC  $@"
	@$(USERCC) $(USER_CFLAGS) -static -s $< -o $@

# One program with musl's C library instead of glibc, static and dynamic, where Debian's packages are there; see
# tests/boot/musl.t.
MUSL_DEV    := $(B)/packages/musl-dev/usr
MUSL_CFLAGS  = $(USER_CFLAGS) -nostdinc -isystem $(MUSL_DEV)/include/i386-linux-musl -isystem $(shell $(USERCC) -print-file-name=include)
MUSL_LIBGCC  = $(shell $(USERCC) -print-libgcc-file-name)
MUSL_O       = $(addprefix $(MUSL_DEV)/lib/i386-linux-musl/,$(1))

$(B)/musl/musl-static: tests/user/musl/musl.c Makefile | $(B)/setup-user
	@mkdir -p $(@D)
	@echo "  USERCC  $@"
	@$(USERCC) $(MUSL_CFLAGS) -fno-pie -no-pie -nostdlib -static -o $@ $(call MUSL_O,crt1.o crti.o) $< $(call MUSL_O,libc.a) \
	    $(MUSL_LIBGCC) $(call MUSL_O,crtn.o)

$(B)/musl/musl-dynamic: tests/user/musl/musl.c Makefile | $(B)/setup-user
	@mkdir -p $(@D)
	@echo "  USERCC  $@"
	@$(USERCC) $(MUSL_CFLAGS) -fpie -pie -nostdlib -Wl,-dynamic-linker,/lib/ld-musl-i386.so.1 -o $@ $(call MUSL_O,Scrt1.o crti.o) $< \
	    -L$(B)/packages/musl/lib/i386-linux-musl -l:libc.so $(MUSL_LIBGCC) $(call MUSL_O,crtn.o)

.PHONY: user
user: $(B)/user/quire $(B)/user/malloctrace.so $(UT_DYNAMIC) $(B)/ut/ut $(FUZZ) $(B)/linux/init

# What `make run` boots into; what the tests do; and one for machines with little memory.
ROOTFS_DEPS := tools/rootfs $(B)/user/quire $(B)/user/malloctrace.so $(wildcard tests/user/quire/etc/*)

ROOT_SETS := busybox memtester procps stress libc
$(B)/rootfs.cpio: $(ROOTFS_DEPS)
	@tools/rootfs pack -o $@ $(ROOT_SETS)

$(B)/rootfs-small.cpio: $(ROOTFS_DEPS)
	@tools/rootfs pack -o $@ busybox memtester

# Without the debugging information, which stays in build/ut for gdb.
$(B)/ut.stripped: $(UT_DYNAMIC) $(B)/ut/ut
	@rm -rf $@ $@.static
	@mkdir -p $@ $@.static
	@set -e; for f in $^; do i686-linux-gnu-strip -o $@/$${f##*/} $$f; done
	@cp $@/ut $@.static/

$(B)/rootfs-test.cpio: $(ROOTFS_DEPS) $(B)/ut.stripped
	@tools/rootfs pack -o $@ libc --add $(B)/ut.stripped=ut

$(B)/rootfs-ut.cpio: $(ROOTFS_DEPS) $(B)/ut.stripped
	@tools/rootfs pack -o $@ --add $(B)/ut.stripped.static=ut

# In several archives, so that each leaves room on a machine of 14 MiB; tests/boot/live.t and tests/boot/why.t make their own, and what is
# about the last 2 MiB of a machine of 16 has one alone.
FUZZ_FIRST := $(addprefix $(B)/fuzz/,hostile memdiff pressure sysfuzz tmpfs)
FUZZ_SWAP := $(addprefix $(B)/fuzz/,areas thrash)
FUZZ_MORE := $(filter-out $(FUZZ_FIRST) $(FUZZ_SWAP) $(B)/fuzz/segfuzz $(B)/fuzz/live $(B)/fuzz/pagelife $(B)/fuzz/region $(B)/fuzz/sparse $(B)/fuzz/lost $(B)/fuzz/formpages $(B)/fuzz/least,$(FUZZ))
$(B)/rootfs-fuzz.cpio: $(ROOTFS_DEPS) $(FUZZ_FIRST)
	@tools/rootfs pack -o $@ busybox $(foreach t,$(notdir $(FUZZ_FIRST)),--add $(B)/fuzz/$t=fuzz/$t)
$(B)/rootfs-more.cpio: $(ROOTFS_DEPS) $(FUZZ_MORE)
	@tools/rootfs pack -o $@ busybox $(foreach t,$(notdir $(FUZZ_MORE)),--add $(B)/fuzz/$t=fuzz/$t)

$(B)/rootfs-swap.cpio: $(ROOTFS_DEPS) $(FUZZ_SWAP)
	@tools/rootfs pack -o $@ busybox $(foreach t,$(notdir $(FUZZ_SWAP)),--add $(B)/fuzz/$t=fuzz/$t)

$(B)/rootfs-sparse.cpio: $(ROOTFS_DEPS) $(B)/fuzz/sparse $(B)/fuzz/lost
	@tools/rootfs pack -o $@ --add $(B)/fuzz/sparse=fuzz/sparse --add $(B)/fuzz/lost=fuzz/lost

ROOTFS := $(B)/rootfs.cpio $(B)/rootfs-small.cpio $(B)/rootfs-test.cpio $(B)/rootfs-ut.cpio $(B)/rootfs-fuzz.cpio $(B)/rootfs-more.cpio \
          $(B)/rootfs-swap.cpio $(B)/rootfs-sparse.cpio

.PHONY: rootfs
rootfs: $(ROOTFS)

# What traces are taken in: programs worth one, and samples for them in /lab.
LAB_SETS := busybox more python compiler bash
$(B)/rootfs-region.cpio: $(ROOTFS_DEPS) $(wildcard tools/lab/root/*) $(B)/fuzz/region
	@tools/rootfs pack -o $@ busybox --add tools/lab/root=lab --add $(B)/fuzz/region=bin/region
$(B)/rootfs-lab.cpio: $(ROOTFS_DEPS) $(wildcard tools/lab/root/*) $(B)/lab/root/fault.i $(if $(ADD),FORCE)
	@tools/rootfs pack -o $@ $(LAB_SETS) --add tools/lab/root=lab --add $(B)/lab/root=lab $(ADD:%=--add %)
.PHONY: FORCE
FORCE:

.PHONY: clean
clean:
	rm -rf $(B)

# ======== everything but the image: set-up, running, testing, checking ========

# Set-up runs before the first compilation, and again when it changes.
$(B)/setup-%: tools/setup
	@mkdir -p $(@D)
	@tools/setup $*
	@touch $@

$(KERNEL_OBJ): | $(B)/setup-build
$(HOST_MMOBJ) $(HOST_BASE) $(HOST_TESTC:%.c=$(B)/host/%.o): | $(B)/setup-test

# The bytes of a size as QEMU takes it, where a number alone is MiB. Nothing: it is none.
bytes_of = $(shell size='$(subst ','\'',$(1))'; size=$${size%%,*}; size=$${size^^}; [[ $$size != *[0-9] ]] || size+=M; numfmt --from=iec "$${size%B}" 2>/dev/null)

# Assignable: make run MEM=16M APPEND="ktest=all"
MEM     := 64M
APPEND  :=
SWAP_MB := 256
BENCH_MEM := 64M

$(B)/swap.img: | $(B)/setup-build
	truncate -s $(SWAP_MB)M $@
	chmod 600 $@
	@export PATH="$$PATH:/usr/sbin:/sbin"; said=$$(mkswap -L quire $@ 2>&1) || { echo "$$said" >&2; exit 1; }

.PHONY: all help run debug test soak test-host test-boot check bench trace lab

all: $(B)/quire.elf
	@echo $<

help:
	@echo 'make             the image, build/quire.elf'
	@echo 'make run         boot to a shell on this terminal (Ctrl-A X quits); MEM=16M, APPEND="name=value ...", SWAP_MB=256 of a new disk'
	@echo 'make run VGA=gtk     with the screen and the keyboard in a window of QEMU; or sdl; VGA=curses APPEND=console=tty0: on this terminal'
	@echo 'make run CMD="..."   run one command; fails with its status (as a status: tools/run --command)'
	@echo 'make run ADD="FILE FILE=PATH ..."   with files of yours in the root; a FILE alone comes to /root'
	@echo 'make rootfs      the root archives, from Debian packages; tools/rootfs --help'
	@echo 'make test        every test: hosted, in the kernel, boot configurations, gdb helpers'
	@echo 'make soak        the random tests of programs, for minutes'
	@echo 'make test-host   hosted tests only'
	@echo 'make test-boot   boot tests only'
	@echo 'make tests/boot/ram-8.t   one test, whichever, with what it needs, and all that it says'
	@echo 'make check       warnings, layers, formatting, static analysis'
	@echo 'make debug       QEMU stopped at the entry, gdb attached, helpers loaded; APPEND, or CMD and ADD as for run'
	@echo 'make player      build/lab/player.html and heap.html: policies and allocators step by step, in a browser'
	@echo 'make iso         build/quire.iso, for GRUB or a CD; ISO=file, ISO_ARGS="name=value ...", ISO_MODULES="FILE ..."'
	@echo 'make bench       what the basic operations cost, in the kernel and beside Linux; BENCH_MEM=64M'
	@echo 'make bench POLICY=all   replacement policies compared: programs with too little memory, for an hour; POLICY=name,...'
	@echo '                 BENCH_ARGS="option ...", which tools/policies --help has'
	@echo 'make trace CMD="..."   record which pages a program touches: build/trace/NAME.trace.gz'
	@echo '    PID=n, NAME=program: these only   OUT=file   EXACT=1: leave nothing out   LAB_MEM=512M   ADD, APPEND as for run'
	@echo 'make lab CMD="..."   what every policy would make of it, with pictures: build/lab/NAME/report.html'
	@echo '    TRACE=file: one that is there   PID=n, NAME=program: which process   POLICY=name,...   FRAMES=n,...: sizes of memory'
	@echo '    RANGE=from-to: addresses, hexadecimal   LIVE=1: in the kernel, too   OUT=folder   EXACT, LAB_MEM, ADD as for trace'
	@echo 'make pictures    take the photographs of the display that are in docs/pictures'
	@echo 'make clean       remove build/'
	@echo 'V=1 shows the commands'

# CMD reaches the shell through the environment, so that its quotes and dollars are its own.
CMD :=
# The archive stays in RAM, so a small machine gets the small one.
ROOT_SIZE := $(shell test '$(call bytes_of,$(MEM))' -lt $$((48 << 20)) 2>/dev/null && echo -small)
ROOT := $(B)/rootfs$(if $(ADD),-run,$(ROOT_SIZE)).cpio
run: export QUIRE_CMD := $(value CMD)
run: $(B)/quire.elf $(B)/swap.img $(ROOT) | $(if $(filter gtk% sdl%,$(VGA)),$(B)/setup-screen)
	@tools/run -m $(MEM) --append "$(APPEND)$(if $(QUIRE_CMD), quiet)" --initrd $(lastword $^) --disk $(B)/swap.img \
	    $(if $(VGA),--display $(VGA)) --command "$$QUIRE_CMD"

# With files of the user's, which may have changed since.
.PHONY: $(B)/rootfs-run.cpio
$(B)/rootfs-run.cpio: $(ROOTFS_DEPS)
	@tools/rootfs pack -o $@ $(if $(ROOT_SIZE),busybox memtester,$(ROOT_SETS)) $(ADD:%=--add %)

# With a command there is a root, as for run.
# Photographs of the display, for README and docs: tools/pictures --help.
.PHONY: pictures
pictures: $(B)/quire.elf $(B)/rootfs.cpio | $(B)/setup-pictures
	@tools/pictures

debug: export QUIRE_CMD := $(value CMD)
debug: $(B)/quire.elf $(B)/swap.img $(if $(value CMD),$(ROOT)) | $(B)/setup-test
	@tools/debug -m $(MEM) --append "$(APPEND)" --disk $(B)/swap.img \
	    $(if $(CMD),--initrd $(lastword $^) --command "$$QUIRE_CMD")

ifdef POLICY
# Replacement policies, those of the host too: POLICY=all or NAME,... See tools/policies, docs/policies.md.
bench: $(B)/policies/quire.elf $(B)/host/replay $(B)/bench/bench $(B)/user/quire
	@tools/policies $(call given,POLICY,policy) $(BENCH_ARGS)

.PHONY: $(B)/policies/quire.elf
$(B)/policies/quire.elf:
	@$(MAKE) --no-print-directory B=$(B)/policies POLICIES=all $@
else
bench: $(B)/quire.elf $(B)/swap.img $(B)/bench/bench.cpio $(B)/linux/init
	@tools/bench -m $(BENCH_MEM) --append "$(APPEND)" --disk $(B)/swap.img
	@echo
	@tools/compare
endif

# One program that measures, for this kernel and for Debian's, which has an init of its own.
$(B)/bench/bench: tests/user/bench.c Makefile | $(B)/setup-user
	@mkdir -p $(@D)
	@echo "  USERCC  $@"
	@$(USERCC) $(USER_CFLAGS) -static -s $< -o $@

$(B)/linux/init: tests/linux/init.c Makefile | $(B)/setup-user
	@mkdir -p $(@D)
	@echo "  USERCC  $@"
	@$(USERCC) $(USER_CFLAGS) -static -s $< -o $@

$(B)/bench/bench.cpio: $(B)/bench/bench
	@rm -rf $@.tree
	@mkdir -p $@.tree/bin $@.tree/dev $@.tree/proc
	@cp $< $@.tree/bin/bench
	@cd $@.tree && find . -mindepth 1 | LC_ALL=C sort | cpio --quiet -R 0:0 -o -H newc >../$(@F)
	@rm -rf $@.tree

# What a program touches: make trace CMD="..." [PID=n | NAME=program] [OUT=file] [EXACT=1] [LAB_MEM=size] [ADD="file ..."]; see
# docs/lab.md.
LAB_MEM := 512M
# An option with a variable's value, whatever characters that has.
given = $(if $($(1)),--$(2) '$(subst ','\'',$($(1)))')
TRACED  = $(call given,PID,pid) $(call given,NAME,name) $(call given,OUT,out) $(if $(EXACT),--exact) -m '$(LAB_MEM)'
trace: export QUIRE_CMD := $(value CMD)
trace: $(B)/quire.elf $(B)/rootfs-lab.cpio $(B)/lab/plugin.so $(B)/host/replay
	@tools/trace $(TRACED) $(call given,APPEND,append) --command "$$QUIRE_CMD"

# Traced, replayed under every policy, and drawn: make lab CMD="..." or TRACE=file, [POLICY=name,...] [FRAMES=n,...]
# [RANGE=from-to] [LIVE=1], and all of the above but APPEND; OUT is a folder. See docs/lab.md.
LABBED  = $(TRACED) $(call given,TRACE,trace) $(call given,POLICY,policy) $(call given,FRAMES,frames) $(call given,RANGE,range) \
          $(if $(LIVE),--live)

# What was asked for and is missing or cannot be is told before anything is fetched, installed or built.
goal     = $(firstword $(filter $(1),$(MAKECMDGOALS)))
refuse   = $(error make $(MAKECMDGOALS)$(1))
# What one of the tools says of what it was asked for.
judged   = $(if $(strip $(1)),$(error $(strip $(1))))
is_size  = $(if $(shell test '$(call bytes_of,$($(1)))' -gt 1048576 2>/dev/null && echo yes),,$(call refuse, $(1)=$($(1)): a size above 1M is wanted$(comma) as 64M; a number alone is MiB))
# Those that are neither there nor made in the same breath.
absent   = $(foreach f,$(1),$(if $(wildcard $f),,$(filter-out $(MAKECMDGOALS),$f)))
are_here = $(if $(strip $(2)),$(call refuse, $(1)="$($(1))": there is no $(firstword $(2))))

ifneq ($(call goal,trace lab),)
ifeq ($(strip $(value CMD)$(if $(call goal,lab),$(TRACE))),)
$(call refuse, CMD="..."$(if $(call goal,lab), or make lab TRACE=file))
endif
$(call is_size,LAB_MEM)
$(call judged,$(shell tools/$(if $(call goal,lab),lab/lab --check $(LABBED),trace --check $(TRACED)) $(if $(strip $(value CMD)),--command CMD) 2>&1))
endif
ifneq ($(call goal,run debug),)
$(call is_size,MEM)
displays := gtk sdl curses vnc none egl-headless spice-app dbus cocoa
$(if $(filter-out $(displays),$(firstword $(subst $(comma), ,$(subst =, ,$(VGA))))),$(call refuse, VGA=$(VGA): possible are $(displays)))
endif
ifneq ($(call goal,run debug trace lab),)
$(call are_here,ADD,$(call absent,$(foreach a,$(ADD),$(firstword $(subst =, ,$a)))))
endif
ifneq ($(call goal,iso),)
$(call are_here,ISO_MODULES,$(call absent,$(filter-out $(B)/%,$(ISO_MODULES))))
$(if $(filter-out $(B)/%,$(ISO)),$(call are_here,ISO,$(call absent,$(dir $(ISO)))))
endif
ifneq ($(call goal,bench),)
ifdef POLICY
$(call judged,$(shell tools/policies --check $(call given,POLICY,policy) $(BENCH_ARGS) 2>&1))
else
$(call is_size,BENCH_MEM)
$(if $(BENCH_ARGS),$(call refuse, BENCH_ARGS="$(BENCH_ARGS)": they go with POLICY=all or POLICY=name$(comma)...))
endif
endif
# The disk is made once, so another size must be asked for by removing it.
ifneq ($(call goal,run debug $(if $(POLICY),,bench) $(B)/swap.img),)
ifeq ($(shell mib='$(subst ','\'',$(SWAP_MB))'; [[ $$mib =~ ^[1-9][0-9]{0,3}$$ && $$mib -le 4095 ]] && echo yes),)
$(call refuse, SWAP_MB=$(SWAP_MB): a number of MiB is wanted$(comma) 1 to 4095)
endif
ifneq ($(filter command environment,$(origin SWAP_MB)),)
SWAP_HAS := $(shell stat -c %s $(B)/swap.img 2>/dev/null)
ifneq ($(SWAP_HAS),$(if $(SWAP_HAS),$(shell echo $$(($(SWAP_MB) << 20)))))
$(shell echo 'make: SWAP_MB=$(SWAP_MB) is of a new disk, and $(B)/swap.img is there, with $(shell numfmt --to=iec $(SWAP_HAS)); for a new one: rm $(B)/swap.img' >&2)
endif
endif
endif
lab: export QUIRE_CMD := $(value CMD)
lab: $(B)/quire.elf $(B)/rootfs-lab.cpio $(B)/lab/plugin.so $(B)/lab/sweep $(B)/host/replay $(B)/bench/bench.cpio | $(B)/setup-lab
	@tools/lab/lab $(LABBED) --command "$$QUIRE_CMD"
	@$(MAKE) --no-print-directory $(B)/lab/player.html

# The same image as `make iso` makes, with arguments and modules that a test can look for.
$(B)/quire-ktest.iso: $(B)/quire.elf iso/grub.cfg
	@$(MAKE) --no-print-directory iso ISO=$@ ISO_ARGS="ktest=all" ISO_MODULES="LICENSE README.md"

# And with a root, for a command that comes through GRUB.
$(B)/quire-root.iso: $(B)/quire.elf iso/grub.cfg $(B)/rootfs-small.cpio
	@$(MAKE) --no-print-directory iso ISO=$@ ISO_ARGS="quiet -- echo hello through GRUB" ISO_MODULES=$(B)/rootfs-small.cpio

# Long ones first, so that the jobs end together. Four, since many wait for a disk or a clock, and not for the processor.
BOOT_TESTS := $(wildcard $(foreach t,user torture programs-stress memdiff programs-more latency programs-memtester ram-3500 bombs fuzz pressure disk-errors packages console vga,tests/boot/$t.t))
BOOT_TESTS += $(filter-out $(BOOT_TESTS),$(sort $(wildcard tests/boot/*.t tests/gdb/*.t)))
PROVE := tools/run-tests -j4

test: hosted $(B)/lab/sweep $(B)/lab/player.html $(B)/lab/heap.html $(B)/rootfs-region.cpio $(B)/quire.elf $(B)/quire-ktest.iso $(B)/quire-root.iso $(ROOTFS) user $(B)/bench/bench.cpio $(B)/lab/plugin.so $(B)/lift/lift.elf | $(B)/setup-test $(B)/setup-build
	@$(PROVE) $(BOOT_TESTS) tests/lift/lift.t $(HOST_TESTS) tests/host/replay.t tests/host/translate.t tests/host/fits.t tests/lab/sweep.t tests/lab/answers.t tests/lab/player.t tests/lab/heap.t tests/lab/live.t tests/lab/misuse.t tests/lab/names.t tests/check.t tests/runner.t

# One of them, with what it names of build/, itself, in a module that it uses or in a document that it reads: make tests/boot/ram-8.t
TEST_FILES := $(wildcard tests/*.t tests/*/*.t)
MAKEABLE   := $(ROOTFS) $(B)/rootfs-region.cpio $(B)/rootfs-lab.cpio $(B)/quire-ktest.iso $(B)/quire-root.iso $(HOST_TESTS) $(FUZZ) \
              $(addprefix $(B)/,host/replay host/translate host/fits host/replay-checked host/fits-checked ut/ut user/quire user/malloctrace.so \
              linux/init bench/bench bench/bench.cpio lab/plugin.so lab/sweep lab/player.wasm lab/player.html lab/heap.html lift/lift.elf)
test_texts  = $1 $(wildcard $(foreach m,$(shell sed -n 's/^use \([A-Z][A-Za-z]*\);.*/\1.pm/p' $1),$(dir $1)$m tests/boot/$m))
test_read   = $(shell sed -n 's,.*\$$top/\(docs/[a-z]*\.md\).*,\1,p' $1)
build_names = $(if $1,$(shell grep -oh 'build/[-a-zA-Z0-9_./]*' $1))
test_named  = $(sort $(call build_names,$(call test_texts,$1)) $(filter-out %.html,$(call build_names,$(call test_read,$1))))
test_needs  = $(filter $(MAKEABLE),$(call test_named,$1)) $(if $(filter tests/boot/% tests/gdb/% tests/lab/%,$1),$(B)/quire.elf) \
              $(if $(filter $(B)/rootfs-,$(call test_named,$1)),$(ROOTFS)) $(if $(filter %Linux.pm,$(call test_texts,$1)),$(B)/linux/init) \
              $(if $(shell grep -l tools/rootfs $(call test_texts,$1)),$(B)/user/quire $(B)/user/malloctrace.so) \
              $(if $(filter tests/check.t,$1),hosted $(B)/quire.elf) $(if $(filter tests/host/seeds.t,$1),hosted) \
              $(if $(filter tests/lab/%,$1),$(B)/host/replay $(B)/lab/plugin.so $(B)/lab/sweep)
.PHONY: $(TEST_FILES)
$(TEST_FILES): | $(B)/setup-test $(B)/setup-build
	@$(MAKE) --no-print-directory $(or $(sort $(call test_needs,$@)),$(B)/setup-test)
	@prove -v --timer $@

# Those that are also run with a small software TLB, as they are in `test`; torture.t has torture=sleep besides.
TLB_TESTS := $(patsubst %,tests/boot/%.t,memdiff fuzz user torture programs-busybox programs-stress programs-more)

# The tests that are random or only take time, for minutes each: all that ask for QUIRE_SOAK, the longest first.
SOAK_FIRST := $(patsubst %,tests/%.t,host/seeds boot/fuzz boot/memdiff boot/hostile boot/torture boot/user boot/races)
SOAK_TESTS = $(SOAK_FIRST) $(filter-out $(SOAK_FIRST),$(sort $(shell grep -l QUIRE_SOAK tests/*/*.t))) tests/boot/missed.t tests/lab/player.t
soak: export QUIRE_SEED := $(or $(QUIRE_SEED),$(shell date +%s))
soak: hosted $(B)/quire.elf $(ROOTFS) user $(B)/bench/bench.cpio $(B)/lab/player.html $(B)/lab/plugin.so $(addprefix $(B)/host/,replay translate fits) | $(B)/setup-test
	@tools/setup browser || echo "soak: there is no Chromium, so nothing clicks through the player" >&2
	@echo "soak: QUIRE_SEED=$(QUIRE_SEED)"
	@status=0; QUIRE_SOAK=1 $(PROVE) --limit 14400 $(SOAK_TESTS) || status=1; \
	QUIRE_APPEND=softtlb=24 QUIRE_TIME_SCALE=$${QUIRE_TIME_SCALE:-10} $(PROVE) --limit 1400 $(TLB_TESTS) || status=1; \
	exit $$status

test-host: hosted $(B)/lab/sweep $(B)/lab/player.wasm | $(B)/setup-test
	@$(PROVE) $(HOST_TESTS) tests/host/replay.t tests/host/translate.t tests/host/fits.t tests/lab/sweep.t tests/lab/answers.t

test-boot: $(addprefix $(B)/host/,replay translate fits) $(B)/quire.elf $(B)/quire-ktest.iso $(B)/quire-root.iso $(ROOTFS) user $(B)/bench/bench.cpio $(B)/lab/plugin.so | $(B)/setup-test
	@$(PROVE) $(BOOT_TESTS)

check: $(B)/quire.elf hosted | $(B)/setup-check
	@tools/check

# V=1 shows the commands.
ifndef V
.SILENT:
endif
