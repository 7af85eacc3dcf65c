#!/usr/bin/perl
# sources.pl: house rules that need no compiler. Run in the top folder.
#
#	layers			a file includes headers of its own folder or of lower layers only
#	sizes			C files at most 700 lines, functions at most 100, includes at most 25
#	names			no two files of one basename; x.h beside x.c
#	formatting		tabs, no trailing blanks, lines of at most 120 columns, braces on their own lines
#	errors			of class SX have a detail and a hint
#	versions		PG_VERSION_NUM only in base/pg_compat.h
#	READMEs			one in each src folder, at most 120 lines; src/README.md names functions that are there
use strict;
use warnings;

my @layers = qw(base id route stats catalog conn dxact exec plan copy ddl cluster monitor move worker);
my %rank;
@rank{@layers} = 0 .. $#layers;

my $wrong = 0;

sub complain
{
	my ($where, $what) = @_;
	print "$where: $what\n";
	$wrong++;
	return;
}

my @files = grep { -f } sort glob("src/*.c src/*.h src/*/*.c src/*/*.h");
my (%basename, %lines_of, %folder_of);

foreach my $file (@files)
{
	open(my $in, '<', $file) or die "$file: $!";
	my @lines = <$in>;
	close($in);
	chomp @lines;
	$lines_of{$file} = \@lines;
	(my $base = $file) =~ s{.*/}{};
	complain($file, "same basename as $basename{$base}") if $basename{$base};
	$basename{$base} = $file;

	# x.h beside x.c
	my ($folder, $stem) = $file =~ m{^(.*)/(.*)\.[ch]$} or die;
	complain($file, "not in the folder of $folder_of{$stem}/$stem") if ($folder_of{$stem} // $folder) ne $folder;
	$folder_of{$stem} = $folder;
}

foreach my $file (@files)
{
	check_layers($file);
	check_text($file);
	check_functions($file) if $file =~ /\.c$/;
	check_errors($file) if $file =~ /\.c$/;
}

foreach my $folder (grep { -d } glob("src/*"))
{
	my $readme = "$folder/README.md";
	if (!-e $readme)
	{
		complain($folder, "no README.md") if glob("$folder/*.c");
		next;
	}
	open(my $in, '<', $readme) or die "$readme: $!";
	my @lines = <$in>;
	close($in);
	complain($readme, scalar(@lines) . " lines, at most 120") if @lines > 120;
}

check_signposts('src/README.md');

print "$wrong findings\n" if $wrong;
exit($wrong ? 1 : 0);

# "folder/file.c `function()`" in the second column of a table: the function is defined in that file.
sub check_signposts
{
	my ($readme) = @_;
	my $found = 0;

	open(my $in, '<', $readme) or die "$readme: $!";
	while (my $line = <$in>)
	{
		my (undef, undef, $place) = split /\|/, $line;
		next unless ($place // '') =~ m{^\s*(\w+/\w+\.c) `(\w+)(\(\))?`};
		my ($file, $name, $is_function) = ("src/$1", $2, $3);
		my $definition = $is_function ? qr/^$name\(/ : qr/\b$name\b/;

		$found++;
		complain("$readme:$.", "$name is not in $file") unless grep { /$definition/ } @{ $lines_of{$file} // [] };
	}
	complain($readme, 'names nothing') unless $found;
	return;
}

sub check_layers
{
	my ($file) = @_;
	my ($folder) = $file =~ m{^src/([^/]+)/} or return;
	my $includes = 0;

	complain($file, "folder $folder is no known layer"), return if !defined $rank{$folder};
	foreach my $line (@{ $lines_of{$file} })
	{
		next unless $line =~ /^#include\s+["<](.*)[">]/;
		my $header = $1;
		$includes++;
		next unless $header =~ m{^([a-z]+)/} && defined $rank{$1} && -e "src/$header";
		complain($file, "includes $header of the higher layer $1") if $rank{$1} > $rank{$folder};
	}
	complain($file, "$includes includes, at most 25") if $includes > 25;
	return;
}

sub check_text
{
	my ($file) = @_;
	my $number = 0;
	my $limit = 700;

	complain($file, scalar(@{ $lines_of{$file} }) . " lines, at most $limit") if @{ $lines_of{$file} } > $limit;
	complain($file, "does not begin with a comment that says what it is") if $lines_of{$file}[0] !~ m{^/\*};
	foreach my $line (@{ $lines_of{$file} })
	{
		my $where = $file . ':' . ++$number;
		(my $wide = $line) =~ s/\t/    /g;

		complain($where, "trailing blanks") if $line =~ /[ \t]$/;
		complain($where, "indented with blanks") if $line =~ /^ {4}/;
		complain($where, length($wide) . " columns, at most 120") if length($wide) > 120;
		complain($where, "brace belongs on its own line")
		  if $line =~ /^\s*(if|while|for|switch|else|do)\b.*\{$/ && $line !~ /=\s*\{$/;
		complain($where, "blank missing after keyword") if $line =~ /^\s*(if|while|for|switch)\(/;
		complain($where, "C++ comment") if $line =~ m{^\s*//};
		complain($where, "TupIsNull evaluates its argument twice") if $line =~ /TupIsNull\([^)]*[^=!]=[^=]/;
		complain($where, "version test outside base/pg_compat.h")
		  if $line =~ /^\s*#.*PG_VERSION_NUM/ && $file ne 'src/base/pg_compat.h';
	}
	return;
}

# Our own errors say why, and what to do.
sub check_errors
{
	my ($file) = @_;
	my $text = join("\n", @{ $lines_of{$file} });

	while ($text =~ /\bereport(\((?:[^()"']++|"(?:[^"\\]|\\.)*+"|'[^']*+'|(?1))*+\))/g)
	{
		my $call = $1;
		my $number = 1 + (substr($text, 0, $-[0]) =~ tr/\n//);

		next unless $call =~ /^\((?!INFO).*ERRCODE_SX_/s;
		foreach my $part (qw(errdetail errhint))
		{
			complain("$file:$number", "an error of class SX without $part") unless $call =~ /\b$part/;
		}
	}
	return;
}

sub check_functions
{
	my ($file) = @_;
	my ($name, $begin, $number) = ('', 0, 0);

	foreach my $line (@{ $lines_of{$file} })
	{
		$number++;
		$name = $1 if $line =~ /^([A-Za-z_]\w*)\s*\(/;
		$begin = $number if $line eq '{';
		if ($line eq '}' && $begin)
		{
			my $length = $number - $begin - 1;
			complain("$file:$begin", "$name has $length lines, at most 100") if $length > 100;
			$begin = 0;
		}
	}
	return;
}
