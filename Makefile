# shardext: see README.md. A PGXS build; the targets test, demo, lint and bench install what they need.
EXTENSION = shardext
MODULE_big = shardext
EXTVERSION = 0.1

SRC_FOLDERS = base id route catalog conn dxact exec plan copy ddl cluster move monitor worker
OBJS = src/shardext.o $(patsubst %.c,%.o,$(sort $(foreach d,$(SRC_FOLDERS),$(wildcard src/$(d)/*.c))))
DATA_built = sql/shardext--$(EXTVERSION).sql

PG_CONFIG ?= pg_config
PG_CPPFLAGS = -Isrc -I$(shell $(PG_CONFIG) --includedir)
PG_CFLAGS = -MMD -MP -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -Wno-clobbered -Werror=implicit-function-declaration -std=gnu99
SHLIB_LINK = -lpq -Wl,--version-script=src/exports.map
ifdef FAULTS
PG_CPPFLAGS += -DSHARDEXT_FAULTS
endif

# installcheck starts a server of its own (not as root) with the databases london, paris and tokyo.
REGRESS_OPTS = --temp-instance=tmp_check --host=127.0.0.1 --temp-config=test/regress.conf
REGRESS = $(shell sed -n 's/^test: *//p' test/schedule)
# override: Makefile.global, included by PGXS, assigns it again.
override CONTRIB_TESTDB = london,paris,tokyo

# `make demo DATA=dir` means the demo's data, not PGXS's list of files.
DEMO_DATA := $(DATA)
override DATA :=

EXTRA_CLEAN = $(OBJS:.o=.d) sql/shardext--$(EXTVERSION).sql build tmp_check

# Objects of PostgreSQL's JIT are of no use to us and would need its exact clang.
override with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

# Another PostgreSQL installed over this one's library folder has left its own compiler flags there.
SERVER_VERSION := $(word 2,$(shell $(PG_CONFIG) --version))
ifneq ($(SERVER_VERSION),$(VERSION))
$(warning $(PGXS) is of PostgreSQL $(VERSION), but $(PG_CONFIG) is of $(SERVER_VERSION): flags may be wrong)
endif

sql/shardext--$(EXTVERSION).sql: $(sort $(wildcard sql/install/*.sql))
	mkdir -p sql
	cat $^ > $@

# Debian's PGXS has no autodepend: the compiler writes each object's headers beside it (-MMD).
HEADERS = $(foreach d,$(SRC_FOLDERS),$(wildcard src/$(d)/*.h))
-include $(wildcard $(OBJS:.o=.d))
shardext.so: src/exports.map

# Objects of another PostgreSQL (PG_CONFIG) or of other flags are built again.
build/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(subst ','"'"',$(CC) $(CFLAGS) $(CFLAGS_SL) $(CPPFLAGS))' | cmp -s - $@ || \
		echo '$(VERSION) $(subst ','"'"',$(CC) $(CFLAGS) $(CFLAGS_SL) $(CPPFLAGS))' >$@
$(OBJS): build/flags
FORCE:

# Unit tests: test/unit/NAME_test.c with the pure layers, of which the linker takes what the test uses; what that
# needs of PostgreSQL's backend is replaced by test/unit/*.c.
# Each prints "ok"/"not ok" lines or just ends with status 0.
UNIT_TESTS = $(patsubst test/unit/%.c,build/unit/%,$(sort $(wildcard test/unit/*_test.c)))
UNIT_SUPPORT = $(filter-out %_test.c,$(wildcard test/unit/*.c))
PURE_OBJS = $(filter-out %_funcs.o,$(filter src/id/% src/route/%,$(OBJS))) src/dxact/wait_graph.o

build/unit/libpure.a: $(PURE_OBJS)
	mkdir -p $(@D)
	rm -f $@
	ar crs $@ $^

build/unit/%: test/unit/%.c $(UNIT_SUPPORT) build/unit/libpure.a $(HEADERS) $(wildcard test/unit/*.h)
	$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $< $(UNIT_SUPPORT) build/unit/libpure.a -L$(libdir) -L$(pkglibdir) -lpgcommon -lpgport -lm

unit-programs: $(UNIT_TESTS)

unit: unit-programs
	@for program in $(UNIT_TESTS); do echo "# $$program"; $$program || exit 1; done

# What people call. FAULTS=1 builds the fault points in.
test:
	test/run $(PARTS)

demo:
	DATA="$(DEMO_DATA)" KEEP="$(KEEP)" demo/run

# Hundreds of faults: make torture SEED=7 FAULTS=200, or SECONDS=3600 for as many as that takes; TORTURE for other options.
SEED ?= 1
FAULTS ?= $(if $(SECONDS),0,200)
torture:
	test/txn/run --seed $(SEED) --faults $(FAULTS) $(if $(SECONDS),--seconds $(SECONDS)) --amcheck $(TORTURE)

# Logical shards move while everything breaks, at each step of a move: make torture-move SEED=7, TORTURE='--only "cutover fenced"'.
torture-move:
	status=0; test/move/run --seed $(SEED) --moves 20 --faults all $(TORTURE) || status=1; \
	test/txn/run --seed $(SEED) --faults 40 --kinds move_shard,kill_server,cut_off || status=1; exit $$status

# Plain PostgreSQL and the cluster give the same: DIFF='--statements 1000 --no-suite' for less.
diff:
	test/diff/all $(DIFF)

lint:
	test/lint/run

bench:
	test/bench/run $(BENCH)

tpch:
	test/tpch/run $(TPCH)

test-pg17 test-pg18:
	test/chroot_test $(@:test-pg%=%)

.PHONY: unit-programs unit test torture torture-move diff demo lint bench tpch test-pg17 test-pg18 FORCE
