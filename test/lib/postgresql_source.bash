# Sources of the PostgreSQL that runs; test/lib/cluster.bash comes first.

# The archives that packages come from have their sources, too; the machine's own lists stay as they are.
apt_source()
{
	local lists options file version status
	lists=$(mktemp -d) && mkdir -p "$lists/parts" "$lists/state/partial" && chmod -R a+rX "$lists" || return 1
	for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
		[ ! -e "$file" ] || sed 's/^deb /deb-src /; s/^Types:.*/Types: deb-src/' "$file" >"$lists/parts/${file##*/}"
	done
	options=(-q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$lists/parts" -o Dir::State::Lists="$lists/state")
	apt-get "${options[@]}" update
	status=1
	# an archive may have lost the newest one's files: an older one of the same major version does
	for version in $(apt-cache "${options[@]}" showsrc "$1" | sed -n 's/^Version: //p' | sort -ruV); do
		apt-get "${options[@]}" source "$1=$version" && status=0 && break
	done
	rm -rf "$lists"
	return $status
}

# Sets source_dir: an unpacked source, fetched once, into build/.
fetch_source()
{
	local into=$cluster_source/build/postgresql-$cluster_major
	if ! ls -d "$into"/postgresql-*/ >/dev/null 2>&1; then
		"$cluster_source/test/install_packages" sources || return 1
		mkdir -p "$into" && (cd "$into" && apt_source "postgresql-$cluster_major") >&2 || return 1
	fi
	source_dir=$(ls -d "$into"/postgresql-*/ | head -n 1)
}
