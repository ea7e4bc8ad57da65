#!/usr/bin/perl
# What perl programs ask of a system: text, files, directories, processes, pipes,
# signals, time. Prints nothing that differs between two runs on Linux.
use strict;
use warnings;
use Fcntl qw(:DEFAULT :flock :seek :mode);
use POSIX qw(:sys_wait_h :errno_h :signal_h floor strftime);
use IO::Handle;
use Socket;

$| = 1;
my $dir = "/tmp/session-perl-$$";
mkdir $dir, 0755 or die "mkdir: $!";
chdir $dir or die "chdir: $!";
umask 022;

sub section { print "== $_[0]\n" }

section 'text';
printf "%5d|%-5d|%05d|%+d|%x|%X|%#x|%o|%b|%e|%.3f|%g|%s|%10.4s|%-8s|%c|%%\n",
    42, 42, 42, 42, 255, 255, 255, 8, 10, 12345.678, 3.14159, 1e20, 'str', 'abcdefgh', 'left', 65;
print join(',', map { sprintf '%vd', $_ } '1.22.333'), "\n";
print ucfirst(lc 'HELLO'), ' ', uc 'world', ' ', scalar reverse('abc'), ' ', length('x' x 1000), "\n";
print join('|', split /\s*,\s*/, 'a , b,c ,  d'), "\n";
print join('|', unpack('A3 n N v V C', pack('A3 n N v V C', 'foo', 258, 65538, 258, 65538, 7))), "\n";
print sprintf('%s', join ' ', map { ord } split //, 'AZaz09'), "\n";
print index('hello world', 'o'), rindex('hello world', 'o'), ' ', substr('hello world', 3, 5), "\n";
my $s = 'the quick brown fox';
substr($s, 4, 5) = 'slow';
print "$s\n", ($s =~ tr/a-z//), ' ', ($s =~ tr/o/0/), " $s\n";
print 'crc ', unpack('%32C*', join '', map { chr } 0 .. 255), "\n";

section 'regex';
my $text = "2024-01-15 ERROR disk /dev/sda1 91% full\n2024-01-16 INFO ok\n2024-02-01 ERROR net eth0 down\n";
while ($text =~ /^(\d+)-(\d+)-(\d+) (?<level>[A-Z]+) (.*)$/mg) {
    print "$3.$2.$1 [$+{level}] $5 at ", pos($text), "\n";
}
(my $t = $text) =~ s/(\d+)%/($1 + 1) . ' percent'/ge;
print $t;
print join(' ', 'aXbXXc' =~ /([a-z])X*/g), ' ', join(':', split /(X+)/, 'aXbXXc'), "\n";
print 'nested ', ('((a)(b(c)))' =~ /^(\((?:[^()]++|(?1))*\))$/ ? 'balanced' : 'not'), "\n";
print 'lookaround ', join(',', 'price: 100 EUR, 200 USD' =~ /(\d+)(?= USD)/g), "\n";
my $n = () = 'abababab' =~ /(?=aba)/g;
print "overlapping $n\n";
print 'lazy ', join('', '<<a>><<b>>' =~ /<<(.+?)>>/g), ' ', join('', map { "[$_]" } sort { $a <=> $b } '10 9 8 100' =~ /\d+/g), "\n";

section 'data';
my %h = map { $_ => length } qw(one two three four five six seven);
print join(' ', map { "$_=$h{$_}" } sort { $h{$a} <=> $h{$b} || $a cmp $b } keys %h), "\n";
my @m = ([1, 2, 3], [4, 5, 6]);
print join(';', map { my $c = $_; join ',', map { $_->[$c] } @m } 0 .. 2), "\n";
my @sorted = sort { $a <=> $b } map { ($_ * 7919) % 1009 } 1 .. 200;
print "@sorted[0..5] ... @sorted[-3..-1]\n";
sub fib { my $n = shift; $n < 2 ? $n : fib($n - 1) + fib($n - 2) }
print join(' ', map { fib($_) } 0 .. 15), "\n";
my @queue = (1 .. 5);
push @queue, shift @queue for 1 .. 2;
print "@queue | @{[splice @queue, 1, 2, 'x', 'y', 'z']} | @queue | ", join(',', grep { /\d/ } @queue), "\n";
my $deep = {list => [1, {two => [2, 3]}], code => sub { "called with @_" }};
print $deep->{list}[1]{two}[1], ' ', $deep->{code}->(1, 2), ' ', exists $deep->{none} ? 'yes' : 'no', "\n";
print 'eval ', (eval { die {code => 42} } // "died with $@->{code}"), "\n";
print 'eval ', (eval { my $x = 0; 1 / $x } // $@);
print 2**53, ' ', -7 % 3, ' ', int(-7 / 3), ' ', floor(-7 / 3), ' ', 0x7fffffff + 1, ' ', 1e15 + 0.5, ' ', '0 but true' + 5, "\n";

section 'files';
open my $f, '>', 'lines' or die;
print $f "line $_\n" for 1 .. 1000;
close $f;
print -s 'lines', ' bytes, mode ', sprintf('%04o', (stat 'lines')[2] & 07777), "\n";
open $f, '+<', 'lines' or die;
seek $f, 100, SEEK_SET;
my $rest = <$f>;
$rest = <$f>;
print 'at ', tell($f), " $rest";
seek $f, -9, SEEK_END;
print 'last ', <$f>;
seek $f, 0, SEEK_SET;
my ($count, $sum) = (0, 0);
while (<$f>) { $count++; $sum += $1 if /(\d+)/ }
print "$count lines, sum $sum, eof ", eof($f) ? 1 : 0, "\n";
truncate $f, 50 or die;
close $f;
print 'truncated to ', -s 'lines', "\n";
sysopen $f, 'excl', O_CREAT | O_EXCL | O_RDWR, 0640 or die;
print 'again: ', (sysopen(my $g, 'excl', O_CREAT | O_EXCL | O_RDWR) ? 'opened' : $!{EEXIST} ? 'EEXIST' : $!), "\n";
syswrite $f, 'abcdefghij', 5, 2;
sysseek $f, 1, SEEK_SET;
sysread $f, my $buf, 3;
print "sysread $buf\n";
print 'flock ', flock($f, LOCK_EX | LOCK_NB) ? 1 : 0, "\n";
if (!(my $pid = fork)) {
    open my $g, '<', 'excl';
    print 'child: ', (flock($g, LOCK_EX | LOCK_NB) ? 'locked' : $!{EWOULDBLOCK} ? 'EWOULDBLOCK' : $!), "\n";
    POSIX::_exit(0);
} else { waitpid $pid, 0 }
close $f;
link 'excl', 'hard' or die;
symlink 'excl', 'soft' or die;
print join(' ', (stat 'hard')[3], readlink('soft'), -l 'soft' ? 'link' : '', -f 'soft' ? 'file' : '', -e 'none' ? 'there' : 'absent'), "\n";
rename 'hard', 'moved' or die;
print 'rename ', -e 'hard' ? 1 : 0, -e 'moved' ? 1 : 0, ' ', S_ISREG((stat 'moved')[2]) ? 'regular' : 'other', "\n";
chmod 0400, 'moved';
utime 1000000000, 1100000000, 'moved';
print join(' ', map { sprintf '%o', $_ } (stat 'moved')[2]), ' ', join(' ', (stat 'moved')[8, 9]), "\n";
mkdir "d$_" or die for 1 .. 3;
for my $d (1 .. 3) { open my $g, '>', "d$d/f$_" for 1 .. $d }
opendir my $dh, '.' or die;
print join(' ', sort grep { !/^\./ } readdir $dh), "\n";
closedir $dh;
print join(' ', sort glob '*/f*'), ' ', join(' ', sort glob '{soft,none}*'), "\n";
print 'rmdir full: ', rmdir('d1') ? 'gone' : $!{ENOTEMPTY} ? 'ENOTEMPTY' : $!, "\n";
print 'unlinked ', unlink(glob '*/f*'), ', removed ', scalar(grep { rmdir } glob 'd?'), "\n";
for ('none/x', 'soft/x', '.') {
    print "open $_: ", (open(my $g, '>', $_) ? 'ok' : $!), "\n";
}
section 'processes';
print `echo from a shell; exit 3`, $? >> 8, "\n";
my @lines = qx(printf 'c\nb\na\n' | sort);
chomp @lines;
print "@lines $?\n";
print 'system ', system('exit 7;') >> 8, ' ', system('kill -9 $$') & 127, ' ', do { no warnings 'exec'; system('/nonexistent/x') == -1 ? $! : 'ran' }, "\n";
open my $p, '-|', 'cat' , '/proc/self/comm' or die;
print 'comm ', <$p>;
close $p;
open $p, '|-', 'tr a-z A-Z; exit 5' or die;
print $p "through a pipe\n";
close $p;
print 'closed with ', $? >> 8, "\n";
pipe my $r, my $w or die;
my @kids;
for my $i (1 .. 5) {
    my $pid = fork;
    if (!$pid) { close $r; syswrite $w, "kid $i\n"; POSIX::_exit($i) }
    push @kids, $pid;
}
close $w;
my %status;
for (@kids) { waitpid $_, 0; $status{$? >> 8}++ }
print join(' ', sort keys %status), ' ', join(',', sort map { chomp; $_ } <$r>), "\n";
print 'no child: ', wait, ' ', $!{ECHILD} ? 'ECHILD' : $!, "\n";
my $pid = fork // die;
if (!$pid) { exec '/bin/sh', '-c', 'echo "exec $0 $1 $FOO"', 'zero', 'one' or die }
waitpid $pid, 0;
{
    local $ENV{FOO} = 'bar';
    system 'echo FOO=$FOO';
}
print 'pgrp ', getpgrp(0) == getpgrp($$) ? 'same' : 'other', ' ', kill(0, $$), ' ', kill(0, 4194303), "\n";

section 'signals';
my @got;
$SIG{$_} = do { my $name = $_; sub { push @got, $name } } for qw(USR1 USR2 HUP);
kill USR1 => $$;
kill HUP => $$;
print "@got\n";
@got = ();
my $set = POSIX::SigSet->new(SIGUSR1, SIGUSR2);
sigprocmask(SIG_BLOCK, $set, my $old = POSIX::SigSet->new);
kill USR1 => $$;
kill USR1 => $$;
kill USR2 => $$;
my $pending = POSIX::SigSet->new;
sigpending($pending);
print 'pending ', join(' ', grep { $pending->ismember(eval "SIG$_") } qw(HUP USR1 USR2)), ', got ', scalar @got, "\n";
sigprocmask(SIG_SETMASK, $old);
print 'now ', join(' ', sort @got), "\n";
$SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; select undef, undef, undef, 30; alarm 0 };
print "timed out by $@";
my $reaped = 0;
$SIG{CHLD} = sub { while (waitpid(-1, WNOHANG) > 0) { $reaped++ } };
for (1 .. 4) { fork or POSIX::_exit(0) }
select undef, undef, undef, 0.05 while $reaped < 4;
print "reaped $reaped\n";
$SIG{CHLD} = 'DEFAULT';
$pid = fork // die;
if (!$pid) { $SIG{TERM} = 'DEFAULT'; sleep 1000; POSIX::_exit(0) }
kill STOP => $pid;
print 'stopped ', waitpid($pid, WUNTRACED) == $pid ? 'yes' : 'no', ", again ", waitpid($pid, WUNTRACED | WNOHANG), "\n";
kill CONT => $pid;
kill TERM => $pid;
waitpid $pid, 0;
print 'ended by ', $? & 127, ' ', WIFSIGNALED($?) ? WTERMSIG($?) : '', "\n";
{
    local $SIG{PIPE} = 'IGNORE';
    pipe my $r, my $w;
    close $r;
    print 'broken pipe: ', syswrite($w, 'x') ? 'written' : $!{EPIPE} ? 'EPIPE' : $!, "\n";
}
{
    local $SIG{__WARN__} = sub { print "warned: $_[0]" };
    warn "careful\n";
    my $undef;
    my $x = "a" . ($undef // 'default');
    print "$x\n";
}

section 'sockets';
socketpair my $x, my $y, AF_UNIX, SOCK_STREAM, PF_UNSPEC or die;
$x->autoflush(1);
$y->autoflush(1);
if (!($pid = fork)) {
    close $x;
    while (<$y>) { chomp; print $y scalar(reverse), "\n" }
    POSIX::_exit(0);
}
close $y;
for (qw(hello world)) { print $x "$_\n"; print 'reply ', scalar <$x> }
shutdown $x, 1;
print 'end ', defined(<$x>) ? 'more' : 'eof', "\n";
waitpid $pid, 0;
socket my $srv, AF_UNIX, SOCK_STREAM, 0 or die;
bind $srv, pack_sockaddr_un("$dir/sock") or die;
listen $srv, 5 or die;
if (!($pid = fork)) {
    socket my $c, AF_UNIX, SOCK_STREAM, 0 or die;
    connect $c, pack_sockaddr_un("$dir/sock") or die;
    syswrite $c, "over a named socket\n";
    POSIX::_exit(0);
}
accept my $conn, $srv or die;
print <$conn>;
waitpid $pid, 0;
my $bits = '';
vec($bits, fileno($srv), 1) = 1;
print 'select ', scalar(select($bits, undef, undef, 0)), ' ', -S 'sock' ? 'socket' : 'other', "\n";

section 'time';
print strftime('%Y-%m-%d %H:%M:%S %a %j', gmtime 1700000000), ' ', scalar(gmtime 0), "\n";
my $t0 = time;
select undef, undef, undef, 0.01;
print 'clock ', time >= $t0 ? 'goes on' : 'goes back', ' ', (times)[0] >= 0 ? 'cpu' : '', "\n";
print 'sleep ', sleep(1) >= 1 ? 'slept' : 'not', "\n";

section 'the rest';
print 'uid ', $<, ' ', $>, ' name ', (getpwuid 0)[0], ' group ', (getgrgid 0)[0], "\n";
print 'errors ', join('; ', map { local $! = $_; "$!" } 1, 2, 11, 13, 17, 22, 110), "\n";
open my $dup, '>&', \*STDOUT or die;
$dup->autoflush(1);
print $dup "through a duplicate\n";
{
    open my $save, '>&', \*STDOUT;
    open STDOUT, '>', 'out';
    print "into a file\n";
    system 'echo from a child';
    open STDOUT, '>&', $save;
    open my $in, '<', 'out';
    print 'file: ', <$in>;
}
print 'data: ', map { uc } <DATA>;
chdir '/';
system 'rm', '-rf', $dir;
print 'left ', -e $dir ? 'behind' : 'nothing', "\n";
END { print "end block, status $?\n" }
exit 3;
__DATA__
one
two
