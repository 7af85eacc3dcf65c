"""PostgreSQL's own isolation tests: sessions whose steps interleave, with their tables sharded.

Each spec gets one more setup, which shards what the others have made (isolation.sql), and is run; what isolationtester
prints is compared with what PostgreSQL expects, without regard to the order of lines, since rows have another order in a
cluster and notices come where their rows lie. Lines that differ must match an entry of isolation.accepted, which says why:

	spec | regular expression for a line (+ or - before it), or * for a spec that is not run | reason
"""
import argparse
import collections
import glob
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PATIENCE = 180


def accepted():
	entries = collections.defaultdict(list)
	with open(os.path.join(HERE, 'isolation.accepted'), encoding='utf-8') as file:
		for line in file:
			if line.strip() and not line.startswith('#'):
				spec, what, _ = line.split(' | ')
				entries[spec].append(what)
	return entries


def schedule(source):
	with open(os.path.join(source, 'isolation_schedule'), encoding='utf-8') as file:
		return [line.split(':')[1].strip() for line in file if line.startswith('test:')]


def sharded(text):
	"""The spec with its tables sharded before the first session."""
	at = re.search(r'^(teardown|session)\b', text, re.M).start()
	return text[:at] + 'setup { DO $do$ BEGIN PERFORM public.shard_all(); END $do$; }\n' + text[at:]


def run(options, spec):
	"""What isolationtester prints, or None if it does not come to an end."""
	with open(os.path.join(options.source, 'specs', spec + '.spec'), encoding='utf-8') as file:
		text = sharded(file.read())
	environment = dict(os.environ, PGAPPNAME='isolation/' + spec, PGISOLATIONTIMEOUT=str(PATIENCE // 3),
					   PGTZ='PST8PDT', PGDATESTYLE='Postgres, MDY')
	tester = subprocess.Popen([options.tester, f'host=127.0.0.1 port={options.port} user=postgres dbname=london'],
							  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, text=True)
	try:
		return tester.communicate(text, timeout=PATIENCE)[0]
	except subprocess.TimeoutExpired:
		tester.kill()
		tester.communicate()
		return None


def psql(options, sql):
	subprocess.run(['psql', '-h', '127.0.0.1', '-p', str(options.port), '-U', 'postgres', '-d', 'london', '-qXc', sql],
				   check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def tidy(options):
	"""What a spec that was broken off has left."""
	psql(options, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'isolation/%'")
	psql(options, "DO $$ DECLARE t text; BEGIN FOR t IN SELECT oid::regclass FROM pg_class WHERE relkind IN ('r', 'p') AND NOT "
		 "relispartition AND relnamespace = 'public'::regnamespace LOOP EXECUTE 'DROP TABLE IF EXISTS ' || t || ' CASCADE'; END LOOP; END $$")


def lines(text):
	"""As a multiset; widths of columns depend on the rows around."""
	squeezed = (re.sub(r'\s*\|\s*', '|', re.sub(r'^\((\d+) rows?\)$', r'(\1 rows)', line.strip())) for line in text.splitlines())
	return collections.Counter(line for line in squeezed if line and not re.fullmatch(r'[-+]+', line))


def differences(options, spec, result):
	"""Lines with + or -, from the expected result that is nearest."""
	best = None
	for path in glob.glob(os.path.join(options.source, 'expected', spec + '.out')) + \
			glob.glob(os.path.join(options.source, 'expected', spec + '_[0-9].out')):
		with open(path, encoding='utf-8') as file:
			expected = lines(file.read())
		found = lines(result)
		differing = ['-' + line for line in (expected - found)] + ['+' + line for line in (found - expected)]
		if best is None or len(differing) < len(best):
			best = differing
	return best


def check(options, spec, accept):
	result = run(options, spec)
	if result is None:
		tidy(options)
		return ['it did not come to an end']
	with open(os.path.join(options.out, spec + '.out'), 'w', encoding='utf-8') as file:
		file.write(result)
	if 'failed: ' in result:
		tidy(options)
	return [line for line in differences(options, spec, result) if not any(re.search(what, line) for what in accept)]


def main():
	parser = argparse.ArgumentParser()
	parser.add_argument('--port', type=int, required=True)
	parser.add_argument('--source', required=True)
	parser.add_argument('--tester', required=True)
	parser.add_argument('--out', required=True)
	parser.add_argument('specs', nargs='*')
	options = parser.parse_args()
	os.makedirs(options.out, exist_ok=True)
	entries = accepted()
	counts = collections.Counter()
	for spec in options.specs or schedule(options.source):
		accept = entries.get(spec, [])
		if '*' in accept and not options.specs:
			counts['left out'] += 1
			continue
		left = check(options, spec, [what for what in accept if what != '*'])
		counts['different' if left else 'accepted' if accept else 'same'] += 1
		print(f"{spec:32} {'DIFFERENT' if left else 'ok'}", flush=True)
		for line in left:
			print('    ' + line)
	print(', '.join(f'{counts[kind]} {kind}' for kind in ('same', 'accepted', 'left out', 'different')))
	return 1 if counts['different'] else 0


if __name__ == '__main__':
	sys.exit(main())
