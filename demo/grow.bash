# grow.bash: the second half of the demo: a shard moves while it is written, comes back, and a fourth node gets its share.
# Sourced by demo/run, whose functions and variables it uses.

# What the jobs say, live: one line on a terminal, else a line whenever something has changed. Until the job has done its work.
watch_job()
{
	local job=$1 state line last=''
	while :; do
		line=$(sql london -At -F ' ' -c "SELECT state, coalesce(rpad(progress, 6), ''), left(sentence, 90)
			FROM shardext.jobs WHERE job = $job")
		state=${line%% *}
		if [ "$line" != "$last" ]; then
			if [ -t 1 ]; then printf '\r\033[K  %s' "$line"; else printf '  %s\n' "$line"; fi
		fi
		last=$line
		case $state in
			keep|clean|done) break ;;
			failed|cancelled) echo; return 1 ;;
		esac
		sleep 0.1
	done
	if [ -t 1 ]; then echo; fi
}

# shards_picture: a bar per node
shards_picture()
{
	sql london -At -F ' ' -c "SELECT n.node, count(s.shard) FROM shardext.nodes n LEFT JOIN shardext.shards s USING (node)
		GROUP BY n.node, n.node_id ORDER BY n.node_id" |
		awk '{ bar = ""; for (i = 0; i < $2 / 2; i++) bar = bar "#"; printf "  %-7s %3d %s\n", $1, $2, bar }'
}

# Two clients write the user through paris and tokyo until stop_load.
start_load()
{
	local node
	cat >"$cluster_dir/load.sql" <<-'END'
		BEGIN;
		UPDATE users SET photos = photos + 1 WHERE id = :user;
		INSERT INTO photos (user_id, caption) VALUES (:user, 'taken while the shard moved');
		COMMIT;
	END
	loads=()
	for node in paris tokyo; do
		"$cluster_bin/pgbench" -h 127.0.0.1 -p "$(cat "$cluster_dir/$node.port")" -U postgres -n -T 600 -l \
			--log-prefix="$cluster_dir/load_$node" -D user="$1" -f "$cluster_dir/load.sql" social \
			>"$cluster_dir/load_$node.out" 2>&1 &
		loads+=($!)
	done
}

# INT would take the whole demo with it.
stop_load()
{
	local pid
	for pid in "${loads[@]}"; do
		kill "$pid" 2>/dev/null || true
	done
	for pid in "${loads[@]}"; do
		wait "$pid" 2>/dev/null || true
	done
	loads=()
	if grep -h ERROR "$cluster_dir"/load_*.out >&2; then
		echo 'A client of the load got an error.' >&2
		return 1
	fi
	# the log is written in pieces: what is acknowledged is counted by the rows
	awk '{ n++; if ($3 > slowest) slowest = $3; sum += $3 }
		END { printf "  the load: %d transactions seen, no error, %.1f ms each on average, the slowest %.1f ms\n",
			n, n ? sum / n / 1000 : 0, slowest / 1000 }' "$cluster_dir"/load_paris.* "$cluster_dir"/load_tokyo.[0-9]* 2>/dev/null || true
}

move_and_back()
{
	local user shard from to=oslo job counts node
	user=$(sql london -At -c 'SELECT user_id FROM photos GROUP BY user_id ORDER BY count(*) DESC, user_id LIMIT 1')
	shard=$(sql london -At -c "SELECT shardext.id_shard($user)")
	from=$(sql london -At -c "SELECT shardext.node_of('users', $user)")
	for node in "${nodes[@]}"; do
		[ "$node" = "$from" ] || to=$node
	done
	echo
	echo "-- That user is busy: two clients write all the time, through paris and tokyo."
	echo "-- Their shard moves meanwhile: SELECT shardext.move_shard($shard, '$to');"
	start_load "$user"
	job=$(sql london -At -c "SELECT shardext.move_shard($shard, '$to')")
	watch_job "$job"
	sql london -At -c "SELECT '  served by ' || shardext.node_of('users', $user) || '; its users waited for '
		|| round(pause_ms::numeric, 1) || ' ms at most' FROM shardext.jobs WHERE job = $job"
	echo "-- And back, with everything that was written since: SELECT shardext.reverse_move($job);"
	until sql london -At -c "SELECT state FROM shardext.jobs WHERE job = $job" | grep -q keep; do sleep 0.1; done
	sql london -At -o /dev/null -c "SELECT shardext.reverse_move($job)"
	until sql london -At -c "SELECT state FROM shardext.jobs WHERE job = $job" | grep -qE 'back|clean|done'; do sleep 0.1; done
	until sql london -At -c "SELECT state FROM shardext.jobs WHERE job = $job" | grep -q done; do sleep 0.1; done
	echo "  served by $(sql london -At -c "SELECT shardext.node_of('users', $user)") again"
	stop_load
	counts=$(sql london -At -c "SELECT u.photos - (SELECT count(*) FROM photos p WHERE p.user_id = u.id AND p.caption =
		'taken while the shard moved') FROM users u WHERE u.id = $user")
	# the demo itself has taken one photo
	echo "  photos that the user's row counts and the table lacks: $((counts - 1))"
}

start_oslo()
{
	cluster_server oslo "$oslo_port" shared_buffers=128MB max_wal_size=2GB
	cluster_psql "$oslo_port" postgres -c 'CREATE DATABASE social'
	sql oslo -c 'CREATE EXTENSION shardext'
}

grow()
{
	local job
	echo
	echo '-- A fourth node: shards of each node before'
	shards_picture
	echo "-- SELECT shardext.add_node('oslo', '127.0.0.1', $oslo_port, rebalance => true);"
	sql london -At -o /dev/null -c "SELECT shardext.add_node('oslo', '127.0.0.1', $oslo_port, rebalance => true)" 2>/dev/null
	job=$(sql london -At -c "SELECT max(job) FROM shardext.jobs WHERE kind = 'rebalance'")
	watch_job "$job"
	echo '-- and after'
	shards_picture
	sql oslo -P footer=off -c "SELECT (SELECT count(*) FROM users) AS users, (SELECT count(*) FROM photos) AS photos,
		(SELECT count(*) FROM likes) AS likes, (SELECT count(*) FROM follows) AS follows"
	echo '-- What has happened, by the log.'
	sql london -P footer=off -c "SELECT to_char(at, 'HH24:MI:SS.MS') AS at, sentence FROM shardext.job_log WHERE job = $job ORDER BY at"
}
