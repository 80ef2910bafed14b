DROP TABLE tool_calls;
DROP TABLE voice_calls;
DROP TABLE voice_phone_numbers;
