#!/usr/bin/env perl
# Languages that bring their own machine: Node.js with its event loop, workers, children and a loopback request; Erlang with processes,
# ports and TCP; Haskell compiled, assembled and linked here, with threads of its own and of the system. What they count is the same on
# every machine.
use strict;
use warnings;
use FindBin;
use lib $FindBin::Bin;
use Boot;
use Programs;
use Test::More;

plan skip_all => 'takes minutes; in `make soak`' unless $ENV{QUIRE_SOAK};
need_sets(qw(busybox libc node erlang ghc));

my $js = <<'END';
// One by one: the event loop's order, timers, a worker, children, an HTTP request on loopback, files.
const { Worker, isMainThread, parentPort } = require('worker_threads');
const { spawn, execFileSync, fork } = require('child_process');
const http = require('http'), fs = require('fs'), os = require('os'), crypto = require('crypto');
if (!isMainThread) {
    parentPort.on('message', n => { let s = 0; for (let i = 1; i <= n; i++) s = (s * 31 + i) % 1000003; parentPort.postMessage(s); });
} else if (process.argv[2] === 'forked') {
    process.on('message', m => { process.send({ twice: m.n * 2 }); process.disconnect(); });
} else main();
function order() {
    return new Promise(done => {
        const seen = [];
        setTimeout(() => { seen.push('timer'); setImmediate(() => { seen.push('immediate'); done(seen.join(' ')); }); }, 5);
        process.nextTick(() => seen.push('tick')); Promise.resolve().then(() => seen.push('promise'));
    });
}
function worker() {
    return new Promise(done => { const w = new Worker(__filename); w.on('message', s => { w.terminate(); done(s); }); w.postMessage(300000); });
}
function child() {
    return new Promise(done => {
        const c = spawn('/bin/cat'); let got = '';
        c.stdout.on('data', d => got += d); c.on('close', code => done(got.length + ' ' + code));
        c.stdin.write('x'.repeat(300000)); c.stdin.end();
    });
}
function forked() {
    return new Promise(done => { const c = fork(__filename, ['forked']); let t; c.on('message', m => t = m.twice); c.on('exit', code => done(t + ' ' + code)); c.send({ n: 21 }); });
}
function request() {
    return new Promise(done => {
        const s = http.createServer((q, r) => { let n = 0; q.on('data', d => n += d.length); q.on('end', () => { r.setHeader('x-n', n); r.end('y'.repeat(200000)); }); });
        s.listen(0, '127.0.0.1', () => {
            const q = http.request({ port: s.address().port, host: '127.0.0.1', method: 'POST' }, r => {
                let n = 0; r.on('data', d => n += d.length); r.on('end', () => { s.close(); done(r.statusCode + ' ' + r.headers['x-n'] + ' ' + n); });
            });
            q.end('z'.repeat(100000));
        });
    });
}
async function files() {
    const p = fs.promises; const names = [...Array(40).keys()].map(i => '/tmp/f' + i);
    await Promise.all(names.map((n, i) => p.writeFile(n, Buffer.alloc(i * 1000, i))));
    const h = crypto.createHash('md5');
    for (const n of names) h.update(await p.readFile(n));
    return h.digest('hex');
}
async function main() {
    console.log('order', await order());
    console.log('worker', await worker());
    console.log('child', await child());
    console.log('forked', await forked());
    console.log('sync', execFileSync('/bin/sh', ['-c', 'echo out; exit 0']).toString().trim());
    console.log('http', await request());
    console.log('files', await files());
    console.log('interfaces', Object.keys(os.networkInterfaces()).join(), os.networkInterfaces().lo.map(a => a.address).join());
}
END

my $node = run_programs('programs-node', sets => [qw(busybox node)], memory => '512M', time => 900, script => <<"END");
cat >/tmp/all.js <<'SCRIPT'
${js}SCRIPT
try node node /tmp/all.js
END
step_is($node, 'node', 0, map { qr/^\Q$_\E\r?$/m } 'order tick promise timer immediate', 'worker 742112', 'child 300000 0', 'forked 42 0', 'sync out',
    'http 200 100000 200000', 'files 16f9eaf88d976afae1091a221e332876', 'interfaces lo 127.0.0.1,::1');

my $erl = <<'END';
-module(all).
-export([main/0, worker/1]).
worker(Next) -> receive {N, From} when N > 0 -> Next ! {N - 1, From}, worker(Next); {0, From} -> From ! around end.
ring() ->
    Last = spawn(fun() -> receive {first, F} -> ?MODULE:worker(F) end end),
    First = lists:foldl(fun(_, P) -> spawn(?MODULE, worker, [P]) end, Last, lists:seq(1, 3000)),
    Last ! {first, First}, First ! {20000, self()}, receive around -> around end.
port() ->
    P = open_port({spawn_executable, "/bin/cat"}, [binary, use_stdio, stream]),
    true = port_command(P, binary:copy(<<"x">>, 100000)), N = collect(P, 0), port_close(P), N.
collect(_, N) when N >= 100000 -> N;
collect(P, N) -> receive {P, {data, D}} -> collect(P, N + size(D)) end.
tcp() ->
    {ok, L} = gen_tcp:listen(0, [binary, {active, false}, {packet, 4}, {ip, {127, 0, 0, 1}}, {backlog, 50}]),
    {ok, Port} = inet:port(L),
    spawn(fun() -> accept(L) end),
    Self = self(),
    [spawn(fun() -> {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}, {packet, 4}]),
        Sum = lists:sum([begin ok = gen_tcp:send(S, binary:copy(<<I:32>>, 500)), {ok, B} = gen_tcp:recv(S, 0), size(B) end || I <- lists:seq(1, 20)]),
        gen_tcp:close(S), Self ! {sum, Sum} end) || _ <- lists:seq(1, 25)],
    lists:sum([receive {sum, S} -> S end || _ <- lists:seq(1, 25)]).
accept(L) -> {ok, S} = gen_tcp:accept(L), P = spawn(fun() -> receive go -> echo(S) end end), ok = gen_tcp:controlling_process(S, P), P ! go, accept(L).
echo(S) -> case gen_tcp:recv(S, 0) of {ok, B} -> gen_tcp:send(S, B), echo(S); {error, closed} -> gen_tcp:close(S) end.
table() ->
    T = ets:new(t, [ordered_set]), [ets:insert(T, {I * 7919 rem 100003, I}) || I <- lists:seq(1, 60000)],
    ets:foldl(fun({K, V}, A) -> (A * 31 + K + V) rem 1000003 end, 0, T).
main() ->
    io:format("ring ~p~nport ~p~ntcp ~p~n", [ring(), port(), tcp()]),
    io:format("table ~p~n", [table()]),
    io:format("command ~s", [os:cmd("echo from a shell")]),
    {ok, I} = inet:getifaddrs(), io:format("interfaces ~p~n", [[N || {N, _} <- I]]),
    io:format("sleep ~p~n", [element(1, timer:tc(timer, sleep, [50])) >= 50000]).
END
my $erlang = run_programs('programs-erlang', sets => [qw(busybox erlang)], memory => '160M', swap => 1, time => 600, script => <<"END");
cat >/tmp/all.erl <<'SCRIPT'
${erl}SCRIPT
export HOME=/tmp
erl() { /usr/lib/erlang/bin/erl -noinput -boot start_clean "\$@"; }
try compile erl -eval '{ok, all} = compile:file("/tmp/all"), halt().'
try erlang erl -pa /tmp -eval 'all:main(), halt().'
END
step_is($erlang, 'compile', 0);
# 25 clients of 20 messages of 2,000 bytes.
step_is($erlang, 'erlang', 0, map { qr/^\Q$_\E\r?$/m } 'ring around', 'port 100000', 'tcp 1000000', 'command from a shell', 'interfaces ["lo"]', 'sleep true');

my $hs = <<'END';
{-# LANGUAGE ForeignFunctionInterface #-}
module Main (main) where
import Control.Concurrent
import Control.Exception
import Control.Monad
import Data.IORef
import qualified Data.Map.Strict as Map
import Foreign.C.Types
import System.IO
import System.Mem (performGC)
import System.Timeout (timeout)

foreign import ccall safe "unistd.h usleep" c_usleep :: CUInt -> IO CInt

-- Ten thousand lightweight threads, each waits for the one before it.
ring :: IO Int
ring = do
    first <- newEmptyMVar
    end <- foldM (\from _ -> do { to <- newEmptyMVar; _ <- forkIO (takeMVar from >>= putMVar to . (+ 1)); return to }) first [1 .. 10000 :: Int]
    putMVar first 0
    takeMVar end

-- Calls that block in C, each in a thread of the system: all at once, or this takes 18 seconds.
blocked :: IO Bool
blocked = do
    done <- newEmptyMVar
    forM_ [1 .. 60 :: Int] $ \_ -> forkOS (c_usleep 300000 >> putMVar done ())
    r <- timeout 12000000 (replicateM_ 60 (takeMVar done))
    return (r == Just ())

table :: Int -> Int
table n = Map.foldlWithKey' (\a k v -> (a * 31 + k + v) `mod` 1000003) 0 (Map.fromList [((i * 7919) `mod` 100003, i) | i <- [1 .. n]])

caught :: IO String
caught = do
    a <- try (evaluate (1 `div` (0 :: Int))) :: IO (Either ArithException Int)
    t <- timeout 50000 (forever (threadDelay 1000))
    m <- newEmptyMVar :: IO (MVar ())
    d <- try (takeMVar m) :: IO (Either BlockedIndefinitelyOnMVar ())
    return (either show show a ++ ", " ++ maybe "in time" (const "late") t ++ ", " ++ either show show d)

main :: IO ()
main = do
    hSetBuffering stdout LineBuffering
    ring >>= \n -> putStrLn ("ring " ++ show n)
    blocked >>= \b -> putStrLn ("blocked " ++ show b)
    results <- forM [20000, 40000, 60000] $ \n -> do { m <- newEmptyMVar; _ <- forkIO (putMVar m $! table n); return m }
    mapM takeMVar results >>= \r -> putStrLn ("tables " ++ show r)
    caught >>= putStrLn . ("caught " ++)
    kept <- newIORef [1 .. 300000 :: Int]
    performGC
    readIORef kept >>= \l -> putStrLn ("kept " ++ show (sum l)) -- in 32 bits
    writeFile "/tmp/haskell.txt" (unlines (map show [1 .. 20000 :: Int]))
    readFile "/tmp/haskell.txt" >>= \s -> putStrLn ("file " ++ show (sum (map read (lines s) :: [Int])))
END
my $ghc = run_programs('programs-ghc', sets => [qw(busybox libc ghc)], memory => '1200M', time => 900, script => <<"END");
cat >All.hs <<'SCRIPT'
${hs}SCRIPT
lib=/usr/lib/ghc gcc=i686-linux-gnu-gcc-12
export HOME=/tmp LANG=C.UTF-8 PATH=/usr/bin:/bin
try packages \$lib/bin/ghc-pkg --global-package-db=\$lib/package.conf.d recache
try compile \$lib/bin/ghc -B\$lib -pgmc \$gcc -pgma \$gcc -pgml \$gcc -threaded -rtsopts -O -o all All.hs
try info ./all +RTS --info
try haskell ./all
try less ./all +RTS -c
END
step_is($ghc, $_, 0) for qw(packages compile);
step_is($ghc, 'info', 0, qr/"RTS way", "rts_thr"/); # on one processor
step_is($ghc, $_, 0, map { qr/^\Q$_\E\r?$/m } 'ring 10000', 'blocked True', 'tables [909731,40399,908476]',
    'caught divide by zero, in time, thread blocked indefinitely in an MVar operation', 'kept 2050477040', 'file 200010000')
  for qw(haskell less);

done_testing();
