#!/usr/bin/env perl
# Runtimes whose heaps are larger than memory: Node.js, Java, Go, with their collectors; redis with more data than there is RAM; fio,
# which verifies the files that it wrote. What they count is the same on every machine and comes from elsewhere.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

plan skip_all => 'takes minutes; in `make soak`' unless $ENV{QUIRE_SOAK};

# Each of the archives stays in memory; what the programs have is the rest. Pages go out and come back by the thousand.
sub swapped_is {
    my ($run, $least) = @_;
    for my $way (qw(in out)) {
        my ($n) = ($run->{steps}{swapped}{said} // '') =~ /^pswp$way (\d+)/m;
        cmp_ok($n // 0, '>', $least, "$run->{name}: pages went $way");
    }
    return;
}
my $SWAPPED = "try swapped grep pswp /proc/vmstat\n";

sub run_if_there {
    my ($name, $sets, $check, %o) = @_;
    SKIP: {
        skip "packages cannot be fetched: @$sets", 1 if !have_sets(@$sets);
        my $run = run_programs($name, sets => $sets, %o, script => "$o{script}$SWAPPED");
        $check->($run);
    }
    return;
}

sub lines_of { return map { qr/^\Q$_\E\r?$/m } @_ }

my $js = <<'JS';
// A heap that grows: a list, a map of strings, numbers that are added up again while it is walked backwards and at random.
const count = +process.argv[2];
let seed = 12345;
const next = () => (seed = (seed * 1103515245 + 12345) % 2147483648);
const keep = [], map = new Map();
let check = 0;
for (let n = 0; n < count; n++) {
    const o = { id: n, text: 'item ' + n + ' of many ' + (n * 7919 % 100003), list: [n, n + 1, n + 2, n * 2.5], next: n ? keep[n - 1] : null };
    keep.push(o);
    if (n % 4 === 0) map.set('key' + n, o);
    check = (check * 31 + o.text.length + n) % 1000003;
    if (n % 100000 === 0) console.log('grown', n);
}
const used = () => process.memoryUsage().heapUsed / 1048576;
console.log('check', check, used() > 190);
function walk() { let s = 0; for (let o = keep[count - 1]; o; o = o.next) s = (s * 31 + o.id + o.text.length + o.list[3]) % 1000003; return s; }
function atRandom(times) { let s = 0; for (let i = 0; i < times; i++) { const o = map.get('key' + 4 * (next() % (count / 4))); s = (s + o.list[0] + o.text.length) % 1000003; } return s; }
console.log('walk', walk());
console.log('random', atRandom(20000));
// Half of it goes.
for (let i = 0; i < count; i++) { if (i % 2) keep[i] = null; else keep[i].next = null; }
map.clear();
global.gc();
let s = 0; for (let i = 0; i < count; i += 2) s = (s * 31 + keep[i].id + keep[i].text.length) % 1000003;
console.log('half', s, used() < 150);
JS
# 200 MB of objects, and the archive has left 188 of 288.
run_if_there('programs-heap-node', [qw(busybox node)], sub {
    my ($run) = @_;
    step_is($run, 'node', 0, lines_of('check 722753 true', 'walk 900481', 'random 374809', 'half 140117 true'));
    swapped_is($run, 10_000);
}, memory => '288M', swap => 512 * 1024, time => 2400, script => <<"SCRIPT");
cat >/tmp/grow.js <<'JS'
${js}JS
try node node --max-old-space-size=400 --expose-gc /tmp/grow.js 1080000
SCRIPT

my $java = <<'JAVA';
import java.io.*;
import java.net.*;
import java.nio.*;
import java.nio.channels.*;
import java.nio.file.*;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

// What they count is the same on every machine.
public class Big {
    static class Node { final int id; final String text; final int[] list; Node next; Node(int id, Node next) { this.id = id; this.next = next; text = "item " + id + " of many " + (id * 7919L % 100003); list = new int[] {id, id + 1, id * 3}; } }

    // A heap of this many MiB: a list that is walked, a map that is asked at random, then half of it goes.
    static void heap(int mib) {
        Runtime r = Runtime.getRuntime();
        List<byte[]> blocks = new ArrayList<>();
        Map<Integer, Node> map = new HashMap<>();
        Node last = null;
        int n = 0, third = mib / 3 * 9000;
        for (; n < third; n++) { last = new Node(n, last); if (n % 4 == 0) map.put(n, last); }
        for (int i = 0; i < mib / 2; i++) { byte[] b = new byte[1 << 20]; Arrays.fill(b, (byte) (i * 7)); b[i] = 1; blocks.add(b); }
        System.out.println("used enough " + ((r.totalMemory() - r.freeMemory() >> 20) >= mib * 3 / 4));
        long s = 0;
        for (Node o = last; o != null; o = o.next) s = (s * 31 + o.id + o.text.length() + o.list[2]) % 1000003;
        System.out.println("walk " + s);
        Random random = new Random(5);
        s = 0;
        for (int i = 0; i < 50000; i++) { Node o = map.get(random.nextInt(n / 4) * 4); s = (s + o.list[1] + o.text.hashCode()) % 1000003; }
        System.out.println("random " + s);
        s = 0;
        for (byte[] b : blocks) for (int i = 0; i < b.length; i += 512) s = (s * 31 + b[i]) % 1000003;
        System.out.println("blocks " + s);
        last = null; blocks.clear(); System.gc();
        s = 0;
        for (int i = 0; i < n; i += 4) s = (s * 31 + map.get(i).text.length()) % 1000003;
        System.out.println("half " + s);
    }

    // Sixteen threads on one map and one lock.
    static void threads() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(16);
        ConcurrentHashMap<Integer, LongAdder> counts = new ConcurrentHashMap<>();
        Object lock = new Object(); long[] sum = {0};
        List<Future<Integer>> results = new ArrayList<>();
        for (int t = 0; t < 64; t++) {
            final int mine = t;
            results.add(pool.submit(() -> {
                for (int i = 0; i < 2000; i++) counts.computeIfAbsent((mine * 31 + i) % 97, k -> new LongAdder()).increment();
                for (int i = 0; i < 200; i++) synchronized (lock) { sum[0] += mine; }
                return mine * mine;
            }));
        }
        int squares = 0;
        for (Future<Integer> f : results) squares += f.get();
        pool.shutdown();
        long total = counts.values().stream().mapToLong(LongAdder::sum).sum();
        System.out.println("threads " + squares + " " + total + " " + sum[0] + " " + pool.awaitTermination(10, TimeUnit.SECONDS));
    }

    // A file that is mapped for writing, read through the channel, and mapped again.
    static void mapped() throws Exception {
        Path path = Paths.get("/tmp/mapped");
        try (FileChannel c = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            MappedByteBuffer m = c.map(FileChannel.MapMode.READ_WRITE, 0, 8 << 20);
            for (int i = 0; i < m.capacity(); i += 4) m.putInt(i, i * 17);
            m.force();
            ByteBuffer b = ByteBuffer.allocate(4096);
            long s = 0;
            for (long at = 0; at < c.size(); at += 1 << 18) { b.clear(); c.read(b, at); b.flip(); s = (s * 31 + b.getInt(100)) % 1000003; }
            c.truncate(5 << 20);
            MappedByteBuffer p = c.map(FileChannel.MapMode.PRIVATE, 1 << 20, 1 << 20);
            p.putInt(0, 99);
            MappedByteBuffer again = c.map(FileChannel.MapMode.READ_ONLY, 1 << 20, 1 << 20);
            FileLock l = c.tryLock();
            System.out.println("mapped " + s + " " + c.size() + " " + p.getInt(0) + " " + again.getInt(0) + " " + l.isValid());
            l.release();
        }
        Files.delete(path);
    }

    // One selector, twenty clients; each byte comes back.
    static void selector() throws Exception {
        Selector sel = Selector.open();
        ServerSocketChannel server = ServerSocketChannel.open();
        server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0)).configureBlocking(false);
        server.register(sel, SelectionKey.OP_ACCEPT);
        int port = server.socket().getLocalPort();
        AtomicInteger good = new AtomicInteger();
        Thread[] clients = new Thread[20];
        for (int t = 0; t < clients.length; t++) {
            final int mine = t;
            clients[t] = new Thread(() -> {
                try (Socket s = new Socket(InetAddress.getLoopbackAddress(), port)) {
                    DataOutputStream out = new DataOutputStream(s.getOutputStream());
                    DataInputStream in = new DataInputStream(s.getInputStream());
                    byte[] b = new byte[3000], back = new byte[3000];
                    for (int i = 0; i < 10; i++) { Arrays.fill(b, (byte) (mine + i)); out.write(b); in.readFully(back); if (Arrays.equals(b, back)) good.incrementAndGet(); }
                } catch (IOException e) { System.out.println("client " + mine + ": " + e); }
            });
            clients[t].start();
        }
        int closed = 0; long bytes = 0;
        ByteBuffer b = ByteBuffer.allocateDirect(1000);
        while (closed < clients.length) {
            sel.select();
            for (Iterator<SelectionKey> i = sel.selectedKeys().iterator(); i.hasNext();) {
                SelectionKey k = i.next(); i.remove();
                if (k.isAcceptable()) { SocketChannel c = server.accept(); if (c != null) { c.configureBlocking(false); c.register(sel, SelectionKey.OP_READ); } }
                else if (k.isReadable()) {
                    SocketChannel c = (SocketChannel) k.channel();
                    b.clear();
                    int n = c.read(b);
                    if (n < 0) { c.close(); closed++; continue; }
                    b.flip(); bytes += n;
                    while (b.hasRemaining()) c.write(b);
                }
            }
        }
        for (Thread t : clients) t.join();
        System.out.println("selector " + good + " " + bytes);
    }

    static void child() throws Exception {
        Process p = new ProcessBuilder("/bin/sh", "-c", "cat; exit 7").redirectErrorStream(true).start();
        try (OutputStream o = p.getOutputStream()) { o.write("to a child and back\n".getBytes()); }
        String said = new String(p.getInputStream().readAllBytes()).trim();
        System.out.println("child " + said + " " + p.waitFor());
    }

    public static void main(String[] a) throws Exception {
        System.out.println("java " + System.getProperty("java.version").split("\\.")[0] + " " + System.getProperty("os.arch"));
        threads(); mapped(); selector(); child();
        heap(Integer.parseInt(a[0]));
    }
}
JAVA
# The machine compiles the source itself.
run_if_there('programs-heap-java', [qw(busybox java libc)], sub {
    my ($run) = @_;
    step_is($run, 'java', 0, lines_of('java 17 i386', 'threads 85344 128000 403200 true', 'mapped 203629 5242880 99 17825792 true', 'selector 200 600000',
        'child to a child and back 7', 'used enough true', 'walk 721318', 'random 953554', 'blocks 51445', 'half 641226'));
    swapped_is($run, 10_000);
}, memory => '340M', swap => 512 * 1024, time => 2400, script => <<"SCRIPT");
cat >/tmp/Big.java <<'JAVA'
${java}JAVA
try java /usr/lib/jvm/java-17-openjdk-i386/bin/java -XX:+UseSerialGC -Xmx400m -Xms16m -XX:TieredStopAtLevel=1 /tmp/Big.java 200
SCRIPT

my $go = <<'GO';
// Fifty goroutines, files, timers, the collector and TCP on the loopback address. What it counts is the same on every machine.
package main

import (
	"bufio"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func goroutines() {
	c := make(chan int)
	var w sync.WaitGroup
	var mu sync.Mutex
	counts := map[int]int{}
	for i := 0; i < 50; i++ {
		w.Add(1)
		go func(i int) {
			defer w.Done()
			for k := 0; k < 200; k++ {
				mu.Lock()
				counts[(i*7+k)%31]++
				mu.Unlock()
				c <- i * k % 11
			}
		}(i)
	}
	go func() { w.Wait(); close(c) }()
	sum := 0
	for v := range c {
		sum += v
	}
	total := 0
	for _, n := range counts {
		total += n
	}
	fmt.Println("goroutines", sum, total)
}

func files() {
	dir, err := os.MkdirTemp("", "many")
	if err != nil {
		panic(err)
	}
	var w sync.WaitGroup
	for i := 0; i < 50; i++ {
		w.Add(1)
		go func(i int) {
			defer w.Done()
			b := make([]byte, i*997)
			for k := range b {
				b[k] = byte(i + k*k)
			}
			if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), b, 0o644); err != nil {
				panic(err)
			}
		}(i)
	}
	w.Wait()
	names, _ := filepath.Glob(dir + "/*")
	sort.Strings(names)
	h := crc32.NewIEEE()
	for _, n := range names {
		f, err := os.Open(n)
		if err != nil {
			panic(err)
		}
		io.Copy(h, f)
		f.Close()
	}
	os.RemoveAll(dir)
	_, err = os.Stat(dir)
	fmt.Printf("files %d %08x %v\n", len(names), h.Sum32(), os.IsNotExist(err))
}

func timers() {
	begin := time.Now()
	var w sync.WaitGroup
	var early int32
	for i := 0; i < 50; i++ {
		w.Add(1)
		d := time.Duration(i%10+1) * 5 * time.Millisecond
		time.AfterFunc(d, func() {
			if time.Since(begin) < d {
				atomic.AddInt32(&early, 1)
			}
			w.Done()
		})
	}
	w.Wait()
	t := time.NewTicker(3 * time.Millisecond)
	n := 0
	for range t.C {
		if n++; n == 10 {
			break
		}
	}
	t.Stop()
	fmt.Println("timers", early, n, time.Since(begin) >= 80*time.Millisecond)
}

func network() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	var w sync.WaitGroup
	var good int32
	for i := 0; i < 25; i++ {
		w.Add(1)
		go func(i int) {
			defer w.Done()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				panic(err)
			}
			defer c.Close()
			r := bufio.NewReader(c)
			for k := 0; k < 20; k++ {
				fmt.Fprintf(c, "%d of %d\n", k, i)
				s, _ := r.ReadString('\n')
				if s == fmt.Sprintf("%d of %d\n", k, i) {
					atomic.AddInt32(&good, 1)
				}
			}
		}(i)
	}
	w.Wait()
	c, _ := net.Dial("tcp", l.Addr().String())
	c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, err = c.Read(make([]byte, 1))
	late := err.(net.Error).Timeout()
	l.Close()
	_, err = net.Dial("tcp", l.Addr().String())
	fmt.Println("network", good, late, err != nil)
}

func signals() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	got := <-c
	out, err := exec.Command("/bin/sh", "-c", "echo $((6 * 7)); exit 3").Output()
	fmt.Printf("signals %v child %q %v\n", got, out, err)
	func() {
		defer func() { fmt.Println("recovered", recover()) }()
		var p *int
		*p = 1
	}()
}

type node struct {
	left, right *node
	value       int
	data        []byte
}

func build(depth, v int) *node {
	if depth == 0 {
		return nil
	}
	n := &node{value: v, data: make([]byte, 40)}
	n.data[v%40] = byte(v)
	n.left, n.right = build(depth-1, 2*v%1000003), build(depth-1, (2*v+1)%1000003)
	return n
}

func (n *node) sum() int {
	if n == nil {
		return 0
	}
	return (n.value + int(n.data[n.value%40]) + n.left.sum() + 3*n.right.sum()) % 1000003
}

func collector(depth, mib int) {
	keep := build(depth, 1)
	blocks := [][]byte{}
	for i := 0; i < mib; i++ {
		b := make([]byte, 1<<20)
		for k := 0; k < len(b); k += 256 {
			b[k] = byte(i + k>>8)
		}
		blocks = append(blocks, b)
	}
	for i := 0; i < 20; i++ {
		build(12, i)
	}
	runtime.GC()
	s := 0
	for _, b := range blocks {
		for k := 0; k < len(b); k += 256 {
			s = (s*31 + int(b[k])) % 1000003
		}
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	enough := m.HeapAlloc>>20 >= uint64(mib)
	blocks = nil
	debug.FreeOSMemory()
	fmt.Println("collector", keep.sum(), s, enough, m.NumGC > 3)
}

func main() {
	mib, _ := strconv.Atoi(os.Args[1])
	goroutines()
	files()
	timers()
	network()
	signals()
	collector(17, mib)
}
GO
run_if_there('programs-heap-go', [qw(busybox go)], sub {
    my ($run) = @_;
    step_is($run, 'build', 0);
    step_is($run, 'go', 0, lines_of('goroutines 44785 10000', 'files 50 c04cadd3 true', 'timers 0 10 true', 'network 500 true true',
        'signals user defined signal 1 child "42\n" exit status 3', 'recovered runtime error: invalid memory address or nil pointer dereference',
        'collector 996950 3534 true true'));
    swapped_is($run, 5_000);
}, memory => '230M', swap => 512 * 1024, time => 2400, script => <<"SCRIPT");
cat >/tmp/main.go <<'GO'
${go}GO
export HOME=/tmp CGO_ENABLED=0 GO111MODULE=off
try build /usr/lib/go-1.19/bin/go build -o /tmp/big /tmp/main.go
try go /tmp/big 120
SCRIPT

# The digest is of all keys and values, whatever their order; the copy on disk is written by a child while clients go on.
run_if_there('programs-heap-store', [qw(busybox redis)], sub {
    my ($run) = @_;
    step_is($run, 'server', 0);
    step_is($run, 'fill', 0, qr/^OK\r?\n(?:\(integer\) )?30000\r?$/m, qr/^value:12345\0*/m);
    step_is($run, 'load', 0, map { qr/^\Q$_\E.*: [\d.]+ requests per second/m } 'SET', 'GET', 'LPUSH');
    step_is($run, 'save', 0, qr/^rdb_last_bgsave_status:ok\r*$/m);
    step_is($run, 'again', 0, qr/^same\r?$/m);
    swapped_is($run, 5_000);
}, memory => '52M', swap => 256 * 1024, time => 2400, script => <<'SCRIPT');
ln -s /usr/bin/redis-check-rdb redis-server
cli() { /usr/bin/redis-cli "$@"; }
server() {
    ./redis-server --port 6379 --dir /tmp --save "" --daemonize no --logfile /tmp/redis.log --enable-debug-command local &
    for i in $(seq 200); do [ "$(cli ping 2>/dev/null)" = PONG ] && return; sleep 0.5; done
    cat /tmp/redis.log
    return 1
}
fill() { cli debug populate 30000 key 1000; cli dbsize; cli get key:12345 | tr -d '\000'; }
load() { redis-benchmark -q -t set,get,lpush -n 2000 -c 10 -r 30000 | tr '\r' '\n' | grep 'per second'; }
save() {
    cli debug digest >digest
    cli bgsave
    while [ "$(cli info persistence | grep -c 'rdb_bgsave_in_progress:0')" = 0 ]; do cli set during save; cli del during; sleep 1; done
    cli info persistence | grep -E '^rdb_last_bgsave_status'
    cli shutdown nosave
}
again() {
    server
    cli debug digest >again
    cmp again digest && echo same
    cli shutdown nosave
    rm dump.rdb
}
try server server
try fill fill
try load load
try save save
try again again
SCRIPT

# What lies in the files is the jobs' own, with sums of its blocks; the files lie in memory, which is on the disk.
run_if_there('programs-heap-fio', [qw(busybox fio libc)], sub {
    my ($run) = @_;
    step_is($run, $_, 0, qr/\(groupid=0, jobs=\d+\): err= 0: /) for qw(sync mmap psync posixaio vectors);
    swapped_is($run, 5_000);
}, memory => '136M', swap => 512 * 1024, time => 2400, absent => ['get_mempolicy'], script => <<'SCRIPT');
mount -t tmpfs -o size=200m files /mnt
job() {
    name=$1; shift
    fio --name=$name --directory=/mnt --eta=never --randseed=7 --verify_fatal=1 --do_verify=1 --group_reporting "$@"
    status=$?
    rm -f /mnt/$name.*
    return $status
}
try sync job sync --ioengine=sync --rw=randrw --bs=4k --size=32m --verify=crc32c
try mmap job mmap --ioengine=mmap --rw=randwrite --bs=4k --size=24m --numjobs=3 --verify=crc32c
try psync job psync --ioengine=psync --rw=write --bs=64k --size=48m --thread --numjobs=2 --verify=md5
try posixaio job posixaio --ioengine=posixaio --iodepth=8 --rw=randwrite --bs=8k --size=32m --verify=sha1
try vectors job vectors --ioengine=pvsync2 --rw=randrw --bs=512-16k --size=16m --numjobs=2 --verify=xxhash
SCRIPT

done_testing();
