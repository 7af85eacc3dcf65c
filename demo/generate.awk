# generate.awk: a social graph with few popular and many quiet users.
#
#	awk -v users=40000 -v follows=300000 -v dir=DIR -f generate.awk
#
# Writes DIR/users.csv (id,name) and DIR/follows.csv (follower,followee). Who is followed obeys a power
# law: user number n * u^3, u uniform, gives a density that falls like x^(-2/3).
BEGIN {
	srand(42)
	syllables = split("ka lo mi ren ta vo shi ba nu el dra fi go hu ja ke pi qui sa zo", syllable, " ")
	file = dir "/users.csv"
	print "id,name" > file
	for (i = 0; i < users; i++) {
		name = ""
		for (k = 0; k < 2 + int(rand() * 3); k++)
			name = name syllable[1 + int(rand() * syllables)]
		print i "," name > file
	}
	close(file)
	file = dir "/follows.csv"
	print "follower,followee" > file
	while (made < follows) {
		from = int(users * rand())
		to = int(users * rand() ^ 3)
		if (from == to || (from, to) in seen)
			continue
		seen[from, to] = 1
		print from "," to > file
		made++
	}
	close(file)
}
