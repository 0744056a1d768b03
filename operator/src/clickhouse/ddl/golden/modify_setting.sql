ALTER TABLE `shop`.`ios` MODIFY SETTING non_replicated_deduplication_window = 100000
