<?php
// Judges requests with the page's example: one in a line, all but the clock in base64.
error_reporting(E_ALL);
set_error_handler(function ($kind, $text) { throw new ErrorException($text); });
require 'receiver.php';

while (($line = fgets(STDIN)) !== false) {
    $words = explode(' ', rtrim($line, "\n"));
    $now = (int) array_shift($words);
    [$id, $timestamp, $signatures, $body] = $texts = array_map('base64_decode', $words);
    try {
        $answer = verify(array_slice($texts, 4), $id, $timestamp, $signatures, $body, $now) ? 'true' : 'false';
    } catch (Throwable $e) {
        fwrite(STDERR, "$e\n");
        $answer = 'error';
    }
    echo "$answer\n";
}
