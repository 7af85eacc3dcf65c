# shardext: see README.md. PGXS build; `make test` and `make demo` need nothing else installed first.
EXTENSION = shardext
MODULE_big = shardext
EXTVERSION = 0.1

SRC_FOLDERS = base id route catalog conn dxact exec plan copy ddl cluster monitor worker
OBJS = src/shardext.o $(patsubst %.c,%.o,$(sort $(foreach d,$(SRC_FOLDERS),$(wildcard src/$(d)/*.c))))
DATA_built = sql/shardext--$(EXTVERSION).sql

PG_CONFIG ?= pg_config
PG_CPPFLAGS = -I$(srcdir)/src -I$(shell $(PG_CONFIG) --includedir)
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers -Wno-clobbered -std=gnu99
SHLIB_LINK = -lpq
ifdef FAULTS
PG_CPPFLAGS += -DSHARDEXT_FAULTS
endif

EXTRA_CLEAN = sql/shardext--$(EXTVERSION).sql

override with_llvm = no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)



sql/shardext--$(EXTVERSION).sql: $(sort $(wildcard sql/install/*.sql))
	cat $^ > $@

# Debian's PGXS has no autodepend: every object depends on every header (they are few and small).
HEADERS = $(foreach d,$(SRC_FOLDERS),$(wildcard src/$(d)/*.h))
$(OBJS): $(HEADERS)
