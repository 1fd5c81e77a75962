-- Slots that an orchestrator still used when it gave up its jobs: [["worker", 2], ...].
ALTER TABLE replicas ADD held_slots text;
