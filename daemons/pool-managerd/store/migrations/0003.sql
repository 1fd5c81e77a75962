-- What a worker says of its model: that its chat template fails, or that it has none.
ALTER TABLE workers ADD COLUMN warning TEXT;
