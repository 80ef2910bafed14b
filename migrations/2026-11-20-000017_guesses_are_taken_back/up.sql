-- A guess is counted before anybody looks whether it is right, and taken back when it was: of many at the same time no
-- more are looked at than of many one after the other.
GRANT DELETE ON call_guesses TO switchboard_app;
