# cluster.bash: servers in one folder, for test/dev_cluster, the demo, the tests and the benchmark.
#
# A caller sources this file, sets cluster_dir and calls cluster_prepare; then cluster_server once per
# server, and cluster_stop at the end. Everything lies in $cluster_dir:
#
#	stage/			the extension, as `make install DESTDIR=` puts it
#	NAME/			data directory of the server NAME; NAME.log its log; NAME.port its port
#
# Nothing is installed into the system: the servers are told to look into stage/. Servers cannot run as
# root; root runs them as the user postgres, everyone else as himself.

PG_CONFIG=${PG_CONFIG:-pg_config}
if ! command -v "$PG_CONFIG" >/dev/null 2>&1; then
	echo "pg_config not found: run test/install_packages first, or set PG_CONFIG" >&2
	exit 1
fi
cluster_bin=$("$PG_CONFIG" --bindir)
cluster_major=$("$PG_CONFIG" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
cluster_source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export PGUSER=postgres
# Arguments of a make that called us (DATA= of the demo means something else to PGXS) are not for the build.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES DATA
unset PGHOST PGPORT PGDATABASE PGSERVICE PGOPTIONS PGDATA

# What servers run within: a command and its arguments (test/txn/run: in a network of their own).
cluster_within=()

# Runs a command as the user the servers run as.
cluster_as_server_user()
{
	if [ "$(id -u)" = 0 ]; then
		(cd / && "${cluster_within[@]}" runuser -u postgres -- "$@")
	else
		(cd / && "${cluster_within[@]}" "$@")
	fi
}

# Brings a copy of the sources in $1 up to date, so that it can be built with other flags or by another user.
cluster_copy_sources()
{
	local copy=$1 file
	mkdir -p "$copy"
	copy=$(cd "$copy" && pwd)
	(
		cd "$cluster_source"
		find . \( -name .git -o -path ./build -o -path ./tmp_check -o -path ./results \) -prune -o -type f \
			! -name '*.[od]' ! -name '*.so' ! -name '*.bc' ! -name 'shardext--*.sql' -print0 |
			xargs -0 cp -u --parents -t "$copy"
		cd "$copy"
		find src sql test -type f \( -name '*.[ch]' -o -name '*.sql' \) ! -name 'shardext--*.sql' -print0 |
			while IFS= read -r -d '' file; do
				[ -e "$cluster_source/$file" ] || rm -f "$file" "${file%.c}".[od]
			done
	)
}

# Makes $cluster_dir and builds and stages the extension in it; with cluster_faults=1 a build with fault
# points, in a copy of the sources under build/.
cluster_prepare()
{
	local tree=$cluster_source flags=()
	if [ "${cluster_faults:-}" = 1 ]; then
		tree=$cluster_source/build/faults
		flags=(FAULTS=1)
	fi
	mkdir -p "$cluster_dir"
	cluster_dir=$(cd "$cluster_dir" && pwd)
	chmod 755 "$cluster_dir"
	if [ "$(id -u)" = 0 ]; then
		chown postgres: "$cluster_dir"
	fi
	(
		flock 9
		[ "$tree" = "$cluster_source" ] || cluster_copy_sources "$tree"
		make -s -j2 -C "$tree" PG_CONFIG="$PG_CONFIG" "${flags[@]}" >&2 &&
			make -s -C "$tree" PG_CONFIG="$PG_CONFIG" "${flags[@]}" install DESTDIR="$cluster_dir/stage" >/dev/null
	) 9>"$cluster_source/.make.lock" || return 1
	chmod -R a+rX "$cluster_dir/stage"
}

# Prints what a server needs to load the extension from stage/ (postgresql.conf lines). A PostgreSQL that cannot do that
# uses what is installed.
cluster_stage_settings()
{
	local stage="$cluster_dir/stage" path
	if [ "$cluster_major" -ge 18 ]; then
		path="extension_control_path = '$stage$("$PG_CONFIG" --sharedir):\$system'"
	elif cluster_as_server_user "$cluster_bin/postgres" --describe-config | grep '^extension_destdir' >/dev/null; then
		path="extension_destdir = '$stage'"
	elif [ -e "$("$PG_CONFIG" --sharedir)/extension/shardext.control" ]; then
		return 0
	else
		echo "this PostgreSQL cannot load an extension from a folder: run make install first" >&2
		return 1
	fi
	echo "$path"
	echo "dynamic_library_path = '$stage$("$PG_CONFIG" --pkglibdir):\$libdir'"
}

# True if nothing listens on the port of 127.0.0.1.
cluster_port_is_free()
{
	! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Prints the first of $1 consecutive free ports, above 20000 unless $2 says where to begin.
cluster_free_ports()
{
	local n=$1 port=${2:-$((20000 + RANDOM % 12000))} i
	while :; do
		for ((i = 0; i < n; i++)); do
			cluster_port_is_free $((port + i)) || break
		done
		[ "$i" = "$n" ] && break
		port=$((port + i + 1))
	done
	echo "$port"
}

# initdb with options, as the user the servers run as; the same ones are made once and then copied.
cluster_initdb()
{
	if [ ! -e "$cluster_dir/templates" ]; then
		mkdir -p "$cluster_dir/templates"
		cp "$cluster_source/test/lib/initdb" "$cluster_dir/templates/"
		chmod 755 "$cluster_dir/templates/initdb"
		[ "$(id -u)" != 0 ] || chown postgres: "$cluster_dir/templates"
	fi
	cluster_as_server_user env SHARDEXT_INITDB="$cluster_bin/initdb" SHARDEXT_TEMPLATE="$cluster_dir/templates" \
		"$cluster_dir/templates/initdb" "$@"
}

# cluster_server NAME PORT [SETTING=VALUE ...]: makes and starts a server.
cluster_server()
{
	local name=$1 port=$2 data="$cluster_dir/$1" setting
	shift 2
	cluster_initdb -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 \
		--no-sync >"$cluster_dir/$name.initdb.log" 2>&1 || { cat "$cluster_dir/$name.initdb.log" >&2; return 1; }
	{
		cat <<-END
			listen_addresses = '127.0.0.1'
			port = $port
			unix_socket_directories = ''
			shared_buffers = 32MB
			max_connections = 60
			shared_preload_libraries = 'shardext'
			wal_level = logical
			max_prepared_transactions = 60
			max_locks_per_transaction = 512
			max_worker_processes = 20
			max_wal_senders = 10
			max_replication_slots = 10
			log_line_prefix = '%m [%p] %q%a '
		END
		cluster_stage_settings
		for setting in "$@"; do
			echo "$setting"
		done
	} | cluster_as_server_user tee -a "$data/postgresql.conf" >/dev/null
	echo "$port" >"$cluster_dir/$name.port"
	cluster_as_server_user "$cluster_bin/pg_ctl" -D "$data" -l "$cluster_dir/$name.log" -w -t 180 start >/dev/null || {
		tail -20 "$cluster_dir/$name.log" >&2
		return 1
	}
}

# Stops every server of $cluster_dir (immediate: all of it is thrown away).
cluster_stop()
{
	local pid
	for pid in "$cluster_dir"/*/postmaster.pid; do
		[ -e "$pid" ] || continue
		cluster_as_server_user "$cluster_bin/pg_ctl" -D "$(dirname "$pid")" -m immediate -w stop >/dev/null || true
	done
}

# cluster_psql PORT DATABASE [psql options]
cluster_psql()
{
	local port=$1 db=$2
	shift 2
	"$cluster_bin/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$port" -d "$db" "$@"
}

# True if the extension on the server has the function.
cluster_has_function()
{
	[ "$(cluster_psql "$1" "$2" -At -c "SELECT count(*) > 0 FROM pg_proc p JOIN pg_namespace n
		ON n.oid = p.pronamespace WHERE n.nspname = 'shardext' AND p.proname = '$3'")" = t ]
}
